import { constants } from 'node:fs';
import { lstat, mkdir, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { giveFolder, giveWorkspace, type RunAs } from '@purser/guard';
import type { ExecutorSession } from '@purser/plugin-sdk';

/** Checkpoints, handoffs and results above this are not taken. */
export const FILE_LIMIT = 1024 * 1024;

export interface FileVersion {
  /** Changes with every version that is renamed or written to this name. */
  version: string;
  size: number;
}

/** Where a session's files are, and how they are read: a program may have put anything under their names. */
export class SessionFiles {
  readonly stateDir: string;
  readonly temporaryDir: string;
  readonly input: string;
  readonly handoff: string;
  private readonly owner: RunAs | undefined;
  private readonly laid = new Map<string, string>();

  constructor(sessionDir: string, owner: RunAs | undefined) {
    this.stateDir = join(sessionDir, 'state');
    this.temporaryDir = join(sessionDir, 'tmp');
    this.input = join(sessionDir, 'input.json');
    this.handoff = join(this.stateDir, 'handoff.md');
    this.owner = owner;
  }

  inState(name: string): string {
    return join(this.stateDir, name);
  }

  /** Lays out the folder: the task's input, the last checkpoint and handoff, all of it the program's own. */
  async prepare(session: ExecutorSession, input: unknown): Promise<void> {
    await mkdir(this.stateDir, { mode: 0o700 });
    await mkdir(this.temporaryDir, { mode: 0o700 });
    await writeFile(this.input, JSON.stringify(input), { mode: 0o600, flag: 'wx' });
    const checkpoint = this.inState('checkpoint.json');
    const { resumeFrom, handoff } = session;
    if (resumeFrom !== undefined) await writeFile(checkpoint, resumeFrom, { mode: 0o600, flag: 'wx' });
    if (handoff !== undefined) await writeFile(this.handoff, handoff, { mode: 0o600, flag: 'wx' });
    if (this.owner) await giveFolder(session.sessionDir, this.owner, session.kill);
    for (const path of [checkpoint, this.handoff]) {
      const found = await this.stat(path);
      if (found) this.laid.set(path, found.version);
    }
    if (this.owner) await giveWorkspace(session.workspace, this.owner, session.kill);
  }

  /** The version of a file that was there before the program started. */
  laidVersion(path: string): string | undefined {
    return this.laid.get(path);
  }

  async stat(path: string): Promise<FileVersion | undefined> {
    const found = await lstat(path, { bigint: true }).catch(() => undefined);
    if (!found?.isFile()) return undefined;
    return { version: `${found.ino} ${found.size} ${found.mtimeNs} ${found.ctimeNs}`, size: Number(found.size) };
  }

  /**
   * The bytes of a regular file that is the program's own. A link in its place, or a file of another user, is not
   * followed: the runner may be root and must not read for the program what that may not read itself.
   */
  async read(path: string, limit: number): Promise<Buffer | undefined> {
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    const file = await open(path, flags).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ELOOP') return undefined;
      throw error;
    });
    if (!file) return undefined;
    try {
      const found = await file.stat();
      const foreign = this.owner !== undefined && found.uid !== this.owner.uid;
      if (!found.isFile() || foreign || found.size > limit) return undefined;
      const buffer = Buffer.alloc(found.size);
      const { bytesRead } = await file.read(buffer, 0, found.size, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  }
}
