import { stat } from 'node:fs/promises';
import { isAbsolute, resolve, sep } from 'node:path';
import {
  GuardedProgram,
  type Isolation,
  OutputPipes,
  type ProgramSpec,
  type ProgramUser,
  pumpLines,
  Tail,
} from '@purser/guard';
import {
  type Executor,
  type ExecutorResult,
  type ExecutorSession,
  reasonOf,
  SessionLog,
  type SessionSignal,
} from '@purser/plugin-sdk';
import { keepArtifacts } from './artifacts.js';
import { Captures } from './captures.js';
import { within } from './deadline.js';
import { programEnvironment } from './environment.js';
import { CommandInput } from './input.js';
import { outcome } from './outcome.js';
import { FILE_LIMIT, SessionFiles } from './session-files.js';
import { Stop } from './stop.js';

const OUTPUT_TAIL = 4 * 1024;
const ERROR_TAIL = 2 * 1024;
/** For the last checkpoint, and for the last lines of output, once the program has ended. */
const FINISH_MS = 10_000;
/** The same for a session that was to stop at once: an emergency does not wait for a slow database. */
const STOPPED_FINISH_MS = 1000;

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
      if (session.kill.aborted) return { kind: 'continue', reason: `stopped: ${reasonOf(session.kill)}` };
      const message = `the session could not be set up: ${(error as Error).message}`;
      return { kind: 'failed', error: { code: 'not_started', message } };
    }
    this.running.set(session.sessionId, program);
    try {
      return await this.attend(session, spec, files, output, program);
    } finally {
      this.running.delete(session.sessionId);
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

  private async attend(
    session: ExecutorSession,
    { argv }: ProgramSpec,
    files: SessionFiles,
    output: OutputPipes,
    program: GuardedProgram,
  ): Promise<ExecutorResult> {
    const log = new SessionLog(session);
    const stop = new Stop(session, program);
    const captures = new Captures(session, files, { say: (line) => log.say(line), stale: () => stop.stale() });
    const stdout = new Tail(OUTPUT_TAIL);
    const stderr = new Tail(ERROR_TAIL);
    const printed = Promise.all([
      pumpLines(output.stdout, stdout, (line) => log.take('stdout', line)),
      pumpLines(output.stderr, stderr, (line) => log.take('stderr', line)),
    ]);
    printed.catch(() => undefined);
    captures.start();
    let ended = false;
    session.onSignal?.((signal) =>
      ended ? Promise.reject(new Error('the program has ended')) : addSignal(signal, files, log),
    );
    const end = await program.ended;
    ended = true;
    stop.release();
    const finishMs = stop.killed === undefined ? FINISH_MS : STOPPED_FINISH_MS;
    if (program.survivors > 0) log.say(`${program.survivors} processes of the session could not be killed`);
    await within(finishMs, printed).catch((error: Error) => log.say(`the last output was not kept: ${error.message}`));
    output.destroy();
    await captures.finish(finishMs).catch((error: Error) => log.say(`the last state was not kept: ${error.message}`));
    await within(finishMs, keepArtifacts(session, files, log)).catch((error: Error) =>
      log.say(`not all artifacts were kept: ${error.message}`),
    );
    const result = end.kind === 'exited' && end.code === 0 ? await readResult(log, files) : undefined;
    log.finish();
    return outcome(end, {
      argv0: argv[0]!,
      user: this.options.user && (this.options.user.name ?? `uid ${this.options.user.uid}`),
      wrap: stop.wrapped,
      graceMs: stop.graceOver ? session.graceMs : undefined,
      killed: stop.killed,
      result,
      stdoutTail: stdout.toString(),
      stderrTail: stderr.toString(),
    });
  }
}

/** Rejects when the program does not get it, so that the next session does. */
async function addSignal(signal: SessionSignal, files: SessionFiles, log: SessionLog): Promise<void> {
  try {
    await files.addSignal(signal);
  } catch (error) {
    log.say(`signal ${signal.number} ("${signal.name}") was not delivered: ${(error as Error).message}`);
    throw error;
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

async function readResult(log: SessionLog, files: SessionFiles): Promise<{ value: unknown } | undefined> {
  const path = files.inState('result.json');
  if (!(await files.stat(path))) return undefined;
  try {
    const bytes = await files.read(path, FILE_LIMIT);
    if (!bytes) throw new Error(`no plain file of the program's of at most ${FILE_LIMIT} bytes`);
    return { value: JSON.parse(bytes.toString('utf8')) as unknown };
  } catch (error) {
    log.say(`result.json was not taken: ${(error as Error).message}`);
    return undefined;
  }
}
