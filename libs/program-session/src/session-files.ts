import { constants } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { giveFolder, giveWorkspace, type RunAs } from '@purser/guard';
import type { ExecutorSession, SessionSignal } from '@purser/plugin-sdk';

/** Checkpoints, handoffs and results above this are not taken. */
export const FILE_LIMIT = 1024 * 1024;
/** For a checkpoint and for artifacts, which are read in pieces. */
export const LARGE_LIMIT = 256 * 1024 * 1024;
const PIECE_BYTES = 256 * 1024;

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
  readonly signals: string;
  private readonly owner: RunAs | undefined;
  private readonly laid = new Map<string, string>();

  constructor(sessionDir: string, owner: RunAs | undefined) {
    this.stateDir = join(sessionDir, 'state');
    this.temporaryDir = join(sessionDir, 'tmp');
    this.input = join(sessionDir, 'input.json');
    this.handoff = join(this.stateDir, 'handoff.md');
    this.signals = join(this.stateDir, 'signals.jsonl');
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
    // Now, since only now nothing else can lie at that place.
    await writeFile(this.signals, '', { mode: 0o600, flag: 'wx' });
    const checkpoint = this.inState('checkpoint.json');
    const { resumeFrom, handoff } = session;
    if (resumeFrom !== undefined) await writeFile(checkpoint, resumeFrom, { mode: 0o600, flag: 'wx' });
    else if (session.resumeFile !== undefined) await rename(session.resumeFile, checkpoint);
    if (handoff !== undefined) await writeFile(this.handoff, handoff, { mode: 0o600, flag: 'wx' });
    if (this.owner) await giveFolder(session.sessionDir, this.owner, session.kill);
    for (const path of [checkpoint, this.handoff]) {
      const found = await this.stat(path);
      if (found) this.laid.set(path, found.version);
    }
    if (this.owner) await giveWorkspace(session.workspace, this.owner, session.kill);
  }

  /**
   * Adds a line. Only to a plain file of the program's own that has no other name: it may have put a link in its place,
   * and the runner may be root.
   */
  async addSignal(signal: SessionSignal): Promise<void> {
    const file = await open(
      this.signals,
      constants.O_WRONLY | constants.O_APPEND | constants.O_NOFOLLOW | constants.O_NONBLOCK,
    );
    try {
      const found = await file.stat();
      const foreign = this.owner !== undefined && found.uid !== this.owner.uid;
      if (!found.isFile() || found.nlink !== 1 || foreign)
        throw new Error('it is no plain file of the program any more');
      await file.appendFile(`${JSON.stringify(signal)}\n`);
    } finally {
      await file.close();
    }
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
    const opened = await this.open(path, limit);
    if (!opened) return undefined;
    const { file, size } = opened;
    try {
      const buffer = Buffer.alloc(size);
      const { bytesRead } = await file.read(buffer, 0, size, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  }

  /** The same in pieces, for what is too large to be held; fails when it is not such a file, or changes meanwhile. */
  async *stream(path: string, limit: number): AsyncGenerator<Uint8Array> {
    const opened = await this.open(path, limit);
    if (!opened) throw new Error(`no plain file of the program's of at most ${limit} bytes`);
    const { file, size } = opened;
    try {
      for (let at = 0; at < size;) {
        const { bytesRead, buffer } = await file.read(Buffer.alloc(Math.min(PIECE_BYTES, size - at)), 0, null, at);
        if (bytesRead === 0) break;
        at += bytesRead;
        yield buffer.subarray(0, bytesRead);
      }
      if ((await file.stat()).size !== size) throw new Error('it changed while it was read');
    } finally {
      await file.close();
    }
  }

  private async open(path: string, limit: number): Promise<{ file: FileHandle; size: number } | undefined> {
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    const file = await open(path, flags).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ELOOP') return undefined;
      throw error;
    });
    if (!file) return undefined;
    const found = await file.stat();
    const foreign = this.owner !== undefined && found.uid !== this.owner.uid;
    if (found.isFile() && !foreign && found.size <= limit) return { file, size: found.size };
    await file.close();
    return undefined;
  }
}
