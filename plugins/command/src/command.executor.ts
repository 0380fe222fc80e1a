import { stat } from 'node:fs/promises';
import { isAbsolute, resolve, sep } from 'node:path';
import { GuardedProgram, type Isolation, OutputPipes, type ProgramSpec, type ProgramUser } from '@purser/guard';
import { type Executor, type ExecutorResult, type ExecutorSession, reasonOf, SessionLog } from '@purser/plugin-sdk';
import { attend, SessionFiles } from '@purser/program-session';
import { programEnvironment } from './environment.js';
import { CommandInput } from './input.js';

export interface CommandExecutorOptions {
  /** Whom programs run as; undefined for the runner's own user. */
  user: ProgramUser | undefined;
  /** Names of further variables of the runner's environment that programs get. */
  inherit: readonly string[];
  environment: NodeJS.ProcessEnv;
  isolation?: Isolation;
}

/** Runs any program as a session, by the command contract (README.md beside this package). */
export class CommandExecutor implements Executor {
  readonly input = CommandInput;
  private readonly options: CommandExecutorOptions;
  private readonly running = new Map<string, GuardedProgram>();

  constructor(options: CommandExecutorOptions) {
    this.options = options;
  }

  async memoryMb(sessionId: string): Promise<number | undefined> {
    return this.running.get(sessionId)?.memoryMb();
  }

  async run(session: ExecutorSession): Promise<ExecutorResult> {
    const input = CommandInput.parse(session.input);
    const asked = [session.kill, session.wrap].find((signal) => signal.aborted);
    if (asked) return { kind: 'continue', reason: `${reasonOf(asked)}; the program was not started` };
    const { user } = this.options;
    const cwd = resolve(session.workspace, input.cwd ?? '.');
    const refused = await refuseFolder(session.workspace, cwd, input.cwd);
    if (refused) return refused;
    const files = new SessionFiles(session.sessionDir, user);
    const spec = this.programSpec(session, input, cwd, files);
    let output: OutputPipes | undefined;
    let program: GuardedProgram;
    try {
      // Before the folder is the program user's, who gets them with all that is in it.
      output = await OutputPipes.open(session.sessionDir);
      await files.prepare(session, input);
      program = await GuardedProgram.start(spec, output, {
        ...(this.options.isolation && { isolation: this.options.isolation }),
        ...(session.aliveWithinMs && { aliveWithinMs: () => session.aliveWithinMs!() }),
      });
    } catch (error) {
      output?.destroy();
      await files.close();
      if (session.kill.aborted) return { kind: 'continue', reason: `stopped: ${reasonOf(session.kill)}` };
      const message = `the session could not be set up: ${(error as Error).message}`;
      return { kind: 'failed', error: { code: 'not_started', message } };
    }
    this.running.set(session.sessionId, program);
    try {
      return await this.attend(session, spec, files, output, program);
    } finally {
      this.running.delete(session.sessionId);
      await files.close();
    }
  }

  private programSpec(session: ExecutorSession, input: CommandInput, cwd: string, files: SessionFiles): ProgramSpec {
    const { user, inherit, environment: own } = this.options;
    return {
      sessionId: session.sessionId,
      argv: input.argv,
      cwd,
      env: programEnvironment(session, files, { own, inherit, user, task: input.env ?? {} }),
      folders: [cwd, session.workspace, files.stateDir],
      ...(user && { runAs: { uid: user.uid, gid: user.gid } }),
    };
  }

  private attend(
    session: ExecutorSession,
    { argv }: ProgramSpec,
    files: SessionFiles,
    output: OutputPipes,
    program: GuardedProgram,
  ): Promise<ExecutorResult> {
    const { user } = this.options;
    return attend(session, {
      program,
      files,
      stdout: output.stdout,
      stderr: output.stderr,
      argv0: argv[0]!,
      user: user && (user.name ?? `uid ${user.uid}`),
      log: new SessionLog(session),
    });
  }
}

async function refuseFolder(
  workspace: string,
  cwd: string,
  given: string | undefined,
): Promise<ExecutorResult | undefined> {
  const refuse = (message: string): ExecutorResult => ({ kind: 'failed', error: { code: 'bad_cwd', message } });
  const inside = cwd === workspace || cwd.startsWith(workspace.endsWith(sep) ? workspace : workspace + sep);
  if (given !== undefined && !isAbsolute(given) && !inside) {
    return refuse(`cwd "${given}" leads out of the workspace; name a folder elsewhere by its absolute path`);
  }
  const found = await stat(cwd).catch(() => undefined);
  if (found?.isDirectory()) return undefined;
  return refuse(`cwd "${given ?? cwd}" is no folder (looked at ${cwd}); create it first, or leave cwd out`);
}
