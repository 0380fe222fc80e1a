import { chmod, chown, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  GuardedProgram,
  giveWorkspace,
  inheritedVariables,
  type Isolation,
  OutputPipes,
  type ProgramUser,
} from '@purser/guard';
import type { ExecutorSession } from '@purser/plugin-sdk';

export interface ProgramOptions {
  /** Whom programs run as; undefined for the runner's own user. */
  user: ProgramUser | undefined;
  /** Names of further variables of the runner's environment that programs get. */
  inherit: readonly string[];
  environment: NodeJS.ProcessEnv;
  isolation?: Isolation;
}

export interface StartedProgram {
  program: GuardedProgram;
  output: OutputPipes;
}

/** All programs of one session: the shell's commands and the servers of tools. None outlives it. */
export class SessionPrograms {
  private readonly session: ExecutorSession;
  private readonly options: ProgramOptions;
  private readonly running = new Set<GuardedProgram>();
  private readonly temporary: string;
  private count = 0;
  private closed = false;

  constructor(session: ExecutorSession, options: ProgramOptions) {
    this.session = session;
    this.options = options;
    this.temporary = join(session.sessionDir, 'tmp');
  }

  /** Makes the folders the session's user's. */
  async prepare(): Promise<void> {
    const { user } = this.options;
    await mkdir(this.temporary, { recursive: true, mode: 0o700 });
    if (!user) return;
    await chown(this.temporary, user.uid, user.gid);
    // Entered by the user and not read: what else is in it is the runner's.
    await chmod(this.session.sessionDir, 0o711);
    await giveWorkspace(this.session.workspace, user, this.session.kill);
  }

  async start(
    argv: string[],
    { env = {}, input = false }: { env?: Record<string, string>; input?: boolean },
  ): Promise<StartedProgram> {
    if (this.closed || this.session.kill.aborted) throw new Error('the session ends');
    const { session, options } = this;
    const { user, inherit, environment: own, isolation } = options;
    this.count += 1;
    // One guard must not take another's processes for its own: it knows them by this.
    const id = `${session.sessionId}.${this.count}`;
    const pipes = join(session.sessionDir, `pipes-${this.count}`);
    await mkdir(pipes, { mode: 0o700 });
    const output = await OutputPipes.open(pipes).finally(() => rm(pipes, { recursive: true, force: true }));
    const folders = [session.workspace, this.temporary];
    try {
      const program = await GuardedProgram.start(
        {
          sessionId: id,
          argv,
          cwd: session.workspace,
          env: {
            ...inheritedVariables({ own, inherit, user }),
            HOME: session.workspace,
            TMPDIR: this.temporary,
            ...env,
            PURSER_TASK_ID: session.taskId,
            PURSER_SESSION_ID: id,
            PURSER_EPOCH: String(session.epoch),
            // By it what is left over of a session is found whose guard and runner were killed.
            PURSER_STATE_DIR: this.temporary,
          },
          folders,
          input,
          ...(user && { runAs: { uid: user.uid, gid: user.gid } }),
        },
        output,
        {
          ...(isolation && { isolation }),
          ...(session.aliveWithinMs && { aliveWithinMs: () => session.aliveWithinMs!() }),
        },
      );
      this.running.add(program);
      void program.ended.then(() => this.running.delete(program));
      if (this.closed) program.kill();
      return { program, output };
    } catch (error) {
      output.destroy();
      throw error;
    }
  }

  /** MiB of all of them. */
  async memoryMb(): Promise<number | undefined> {
    const each = await Promise.all([...this.running].map((program) => program.memoryMb()));
    return each.reduce<number>((sum, mb) => sum + (mb ?? 0), 0);
  }

  /** Ends all of them, now. Returns when nothing is alive, with the number of processes that could not be killed. */
  async close(): Promise<number> {
    this.closed = true;
    const all = [...this.running];
    for (const program of all) program.kill();
    await Promise.all(all.map((program) => program.ended));
    return all.reduce((sum, { survivors }) => sum + survivors, 0);
  }
}
