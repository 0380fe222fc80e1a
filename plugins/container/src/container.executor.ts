import type { ProgramUser } from '@purser/guard';
import { type Executor, type ExecutorResult, type ExecutorSession, reasonOf, SessionLog } from '@purser/plugin-sdk';
import { attend, SessionFiles } from '@purser/program-session';
import { limitsFor, refuseFolder } from './bounds.js';
import { type Limits, containerBody } from './container-body.js';
import { ContainerProgram, untilGone } from './container-program.js';
import { type About, Engine, statusOf, wordsOf } from './engine.js';
import { Forwards, ownAddress } from './forwards.js';
import type { GateAccess } from './gate-access.js';
import { ContainerInput } from './input.js';
import { Patience } from './patience.js';
import { NotNow, NotStarted, startProblem, told } from './problems.js';

/** For the word of an emergency to arrive, when its container was stopped before the session was told. */
const WORD_MS = 3_000;
/** So long a session waits for a machine that cannot run containers, before it is given back. */
const PATIENCE_MS = 60_000;

export interface ContainerExecutorOptions {
  gate: GateAccess;
  /** Whom containers run as when the runner is root; the runner's own user otherwise. */
  user: ProgramUser | undefined;
  /** For tasks that say nothing. */
  standard: Limits;
  patienceMs?: number;
  /** What whoever runs this should know, and no session in particular. */
  say?: (line: string) => void;
}

/** Runs a container of any image as a session, by the same contract as a program of the `command` executor. */
export class ContainerExecutor implements Executor {
  readonly input = ContainerInput;
  private readonly options: ContainerExecutorOptions;
  private readonly running = new Map<string, ContainerProgram>();
  private readonly forwards: Forwards;

  constructor(options: ContainerExecutorOptions) {
    this.options = options;
    this.forwards = new Forwards(options.say);
  }

  async memoryMb(sessionId: string): Promise<number | undefined> {
    return this.running.get(sessionId)?.memoryMb();
  }

  /** After the sessions have ended. */
  async close(): Promise<void> {
    await this.forwards.close();
    await this.options.gate.close();
  }

  /** A gate says what it grants once it has removed what others left. */
  async ready(stop: AbortSignal, say: (line: string) => void): Promise<void> {
    await new Patience(this.options.patienceMs ?? PATIENCE_MS, stop, say).with(() => this.about());
  }

  async run(session: ExecutorSession): Promise<ExecutorResult> {
    const input = ContainerInput.parse(session.input);
    const asked = [session.kill, session.wrap].find((signal) => signal.aborted);
    if (asked) return { kind: 'continue', reason: `${reasonOf(asked)}; the container was not started` };
    const log = new SessionLog(session);
    const files = new SessionFiles(session.sessionDir, this.options.user);
    let program: ContainerProgram;
    try {
      program = await this.start(session, input, files, log);
    } catch (error) {
      await files.close();
      if (session.kill.aborted) return { kind: 'continue', reason: `stopped: ${reasonOf(session.kill)}` };
      // Such as while an image was pulled, which may take longer than any grace period.
      if (session.wrap.aborted)
        return { kind: 'continue', reason: `${reasonOf(session.wrap)}; the container was not started` };
      if (error instanceof NotNow)
        return { kind: 'released', reason: `this runner cannot run containers at present: ${error.message}` };
      const code = error instanceof NotStarted ? error.code : 'not_started';
      const message =
        error instanceof NotStarted ? error.message : `the session could not be set up: ${wordsOf(error)}`;
      return { kind: 'failed', error: { code, message } };
    }
    this.running.set(session.sessionId, program);
    try {
      const { user } = this.options;
      const result = await attend(session, {
        program,
        files,
        stdout: program.stdout,
        stderr: program.stderr,
        argv0: input.argv?.[0] ?? input.image,
        user: user && (user.name ?? `uid ${user.uid}`),
        log,
      });
      return await this.explain(result, session, program);
    } finally {
      this.running.delete(session.sessionId);
      await files.close();
      await program.remove();
    }
  }

  private async start(
    session: ExecutorSession,
    input: ContainerInput,
    files: SessionFiles,
    log: SessionLog,
  ): Promise<ContainerProgram> {
    await refuseFolder(session.workspace, input.cwd);
    const stop = AbortSignal.any([session.kill, session.wrap]);
    const patience = new Patience(this.options.patienceMs ?? PATIENCE_MS, stop, (line) => log.say(line));
    const about = await patience.with(() => this.about());
    const limits = limitsFor(input, about, this.options.standard);
    if (input.network === 'bridge' && !about.bridge)
      throw new NotStarted(
        'forbidden_network',
        'the network "bridge" is not allowed here; whoever runs Purser can allow it',
      );
    await patience.with(() => this.bringImage(input, session, log));
    const environment = await patience.with(() => this.environmentFor(session, about, log));
    await files.prepare(session, input);
    const network = about.network.name;
    const body = containerBody({ session, input, files, environment, limits, network, user: this.user() });
    return patience.with(() => this.startOne(body, session, input, log));
  }

  private async about(): Promise<About> {
    try {
      return await (await this.reach()).about();
    } catch (error) {
      throw new NotNow(`what makes containers cannot be asked: ${wordsOf(error)}`);
    }
  }

  private async startOne(
    body: ReturnType<typeof containerBody>,
    session: ExecutorSession,
    input: ContainerInput,
    log: SessionLog,
  ): Promise<ContainerProgram> {
    const engine = await this.reach().catch((error: unknown) => {
      throw new NotNow(wordsOf(error));
    });
    const id = await engine.create(body).catch((error: unknown) => {
      throw told(error);
    });
    try {
      session.kill.throwIfAborted();
      session.wrap.throwIfAborted();
      return await ContainerProgram.start(engine, id, {
        reach: () => this.reach(),
        aliveWithinMs: session.aliveWithinMs && (() => session.aliveWithinMs!()),
        kill: session.kill,
        say: (line) => log.say(line),
      });
    } catch (error) {
      // It may start yet, and must not beside the next one.
      await untilGone(() => this.reach(), id, session.kill);
      throw startProblem(error, input);
    }
  }

  private async reach(): Promise<Engine> {
    return new Engine(await this.options.gate.socketPath());
  }

  private user(): { uid: number; gid: number } {
    const { user } = this.options;
    if (user) return { uid: user.uid, gid: user.gid };
    const uid = process.getuid?.() ?? 1000;
    return { uid, gid: process.getgid?.() || uid };
  }

  private async bringImage({ image, pull }: ContainerInput, session: ExecutorSession, log: SessionLog): Promise<void> {
    try {
      const engine = await this.reach();
      let found = pull === 'always' ? undefined : await engine.image(image);
      if (!found) {
        if (pull === 'never')
          throw new NotStarted('no_image', `the image ${image} is not here, and the task says it is never pulled`);
        log.say(`the image ${image} is pulled`);
        await engine.pull(image, AbortSignal.any([session.kill, session.wrap])).catch((error: unknown) => {
          const problem = told(error);
          if (problem instanceof NotNow) throw problem;
          const code = statusOf(error) === 403 ? 'forbidden_image' : 'no_image';
          throw new NotStarted(code, `the image ${image} could not be pulled: ${wordsOf(error)}`);
        });
        found = await engine.image(image);
        if (!found) throw new NotStarted('no_image', `the image ${image} was pulled and is not here`);
      }
      log.say(`the image ${image} is ${found.digest ?? found.id}`);
    } catch (error) {
      throw told(error);
    }
  }

  /** What the session is told to reach is reached through doors on the containers' network. */
  private async environmentFor(
    session: ExecutorSession,
    { network }: About,
    log: SessionLog,
  ): Promise<Record<string, string>> {
    const address = ownAddress(network);
    if (address === undefined) throw new NotNow(`this machine has no address on the network ${network.name}`);
    const environment: Record<string, string> = {};
    for (const [name, value] of Object.entries(session.environment)) {
      if (/^https:/.test(value)) log.say(`${name} is not plain HTTP: containers cannot reach it`);
      const url = await this.forwards.through(value, address).catch((error: Error) => {
        const hint = 'containers need a runner on Linux beside the engine, or in a container on their network';
        throw new NotNow(`no container could reach this runner at ${address} (${error.message}); ${hint}`);
      });
      environment[name] = url ?? value;
    }
    return environment;
  }

  private async explain(
    result: ExecutorResult,
    session: ExecutorSession,
    program: ContainerProgram,
  ): Promise<ExecutorResult> {
    if (result.kind !== 'failed') return result;
    const { code, message } = result.error;
    if (program.outOfMemory) {
      const text = `the container used up its memory; give it more by memoryMb, or have it do less at once. ${message}`;
      return { kind: 'failed', error: { code: 'out_of_memory', message: text } };
    }
    const end = await program.ended;
    // It counts as a session: what brings its engine or its gate down each time may be the task.
    if (end.kind === 'guard_lost') return { kind: 'continue', reason: `the container was lost: ${end.detail}` };
    if (code === 'signal_SIGTERM' || code === 'signal_SIGKILL') {
      const word = await wordOf(session);
      if (word !== undefined) return { kind: 'continue', reason: `stopped: ${word}` };
    }
    if (/\[FATAL tini/.test(message)) return { kind: 'failed', error: { code: 'not_found', message } };
    return result;
  }
}

/** Why the session is to end, if that is said soon: an emergency stops containers and tells runners at the same time. */
async function wordOf({ kill, wrap }: ExecutorSession): Promise<string | undefined> {
  const soon = AbortSignal.any([kill, wrap, AbortSignal.timeout(WORD_MS)]);
  if (!soon.aborted) await new Promise((resolve) => soon.addEventListener('abort', resolve, { once: true }));
  const said = [kill, wrap].find(({ aborted }) => aborted);
  return said && reasonOf(said);
}
