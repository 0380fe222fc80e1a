import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { giveFolder, giveWorkspace, OpenFolder, type RunAs } from '@purser/guard';
import type { ExecutorSession, SessionSignal } from '@purser/plugin-sdk';
import { ProgramFolder } from './program-folder.js';

/** Checkpoints, handoffs and results above this are not taken. */
export const FILE_LIMIT = 1024 * 1024;
/** For a checkpoint and for artifacts, which are read in pieces. */
export const LARGE_LIMIT = 256 * 1024 * 1024;

export const CHECKPOINT = 'checkpoint.json';
export const HANDOFF = 'handoff.md';
const SIGNALS = 'signals.jsonl';

/** Where a session's files are. Once its program runs they are reached by `state` alone, never by these paths. */
export class SessionFiles {
  readonly stateDir: string;
  readonly temporaryDir: string;
  readonly input: string;
  readonly handoff: string;
  private readonly sessionDir: string;
  private readonly owner: RunAs | undefined;
  private readonly laid = new Map<string, string>();
  private opened: ProgramFolder | undefined;

  constructor(sessionDir: string, owner: RunAs | undefined) {
    this.sessionDir = sessionDir;
    this.stateDir = join(sessionDir, 'state');
    this.temporaryDir = join(sessionDir, 'tmp');
    this.input = join(sessionDir, 'input.json');
    this.handoff = join(this.stateDir, HANDOFF);
    this.owner = owner;
  }

  /** What the program leaves for the runner; once prepared, and until it is closed. */
  get state(): ProgramFolder {
    if (!this.opened) throw new Error('the session is not prepared');
    return this.opened;
  }

  /** Lays out the folder: the task's input, the last checkpoint and handoff, all of it the program's own. */
  async prepare(session: ExecutorSession, input: unknown): Promise<void> {
    await mkdir(this.stateDir, { mode: 0o700 });
    await mkdir(this.temporaryDir, { mode: 0o700 });
    await writeFile(this.input, JSON.stringify(input), { mode: 0o600, flag: 'wx' });
    // Now, since only now nothing else can lie at these places.
    await writeFile(join(this.stateDir, SIGNALS), '', { mode: 0o600, flag: 'wx' });
    this.opened = new ProgramFolder(await OpenFolder.at(this.stateDir), this.owner);
    const checkpoint = join(this.stateDir, CHECKPOINT);
    const { resumeFrom, handoff } = session;
    if (resumeFrom !== undefined) await writeFile(checkpoint, resumeFrom, { mode: 0o600, flag: 'wx' });
    else if (session.resumeFile !== undefined) await rename(session.resumeFile, checkpoint);
    if (handoff !== undefined) await writeFile(this.handoff, handoff, { mode: 0o600, flag: 'wx' });
    if (this.owner) await giveFolder(this.sessionDir, this.owner, session.kill);
    for (const name of [CHECKPOINT, HANDOFF]) {
      const found = await this.state.stat(name);
      if (found) this.laid.set(name, found.version);
    }
    if (this.owner) await giveWorkspace(session.workspace, this.owner, session.kill);
  }

  addSignal(signal: SessionSignal): Promise<void> {
    return this.state.append(SIGNALS, `${JSON.stringify(signal)}\n`);
  }

  /** The version of a file that was there before the program started. */
  laidVersion(name: string): string | undefined {
    return this.laid.get(name);
  }

  /** When the session is over, or was not begun. */
  async close(): Promise<void> {
    await this.opened?.close();
  }
}
