import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { extname, join } from 'node:path';
import type { Duplex, Writable } from 'node:stream';
import { onLine, sendLine, type GuardReport, type GuardRequest, type StartProgram } from './guard-protocol.js';
import type { OutputPipes } from './output-pipes.js';
import { NEW_NAMESPACE, ownPidNamespace } from './pid-namespace.js';
import { killGroup, SessionProcesses } from './session-processes.js';

/** The file beside this one: guard.js in dist, and guard.ts in a spec, which Node runs as it is. */
const GUARD_FILE = join(import.meta.dirname, `guard${extname(import.meta.filename)}`);
/** No pool of compiler threads and a small heap: about 35 ms to start, 10 MiB of its own (49 with what it shares with the runner). */
const GUARD_FLAGS = ['--v8-pool-size=0', '--max-semi-space-size=1'];
/** Reaps what is orphaned in the namespace, and ends with the guard; `exit` keeps the shell from becoming the guard. */
const NAMESPACE_INIT = ['/bin/sh', '-c', '"$@"; exit $?', 'purser-session'];
/** Signals that others send to the guard's group end neither it nor unshare; what the guard starts has them as usual. */
const UNDISTURBED = ['-c', `trap '' HUP INT QUIT TERM; exec "$@"`, 'purser-guard'];
/** A guard that does not react to `kill` for this long is killed itself. */
const UNRESPONSIVE_MS = 5000;
const MEASURE_MS = 2000;
/** Signs of life come this often, or more often when little time is left. */
const SIGN_MS = 1000;
const SOONEST_SIGN_MS = 50;

/** `best`: a PID namespace where the machine allows one. `processes`: as where it does not, by looking for the processes. */
export type Isolation = 'best' | 'processes';

export type ProgramSpec = Omit<StartProgram, 'do' | 'runnerNamespace' | 'aliveWithinMs'>;

/** How a guarded program ended. */
export type ProgramEnd =
  | { kind: 'exited'; code: number | null; signal: string | null }
  | { kind: 'unstarted'; code: string; message: string; folder: string | undefined }
  /** The runner stood still, and everything was killed before its lease ran out. */
  | { kind: 'deserted'; withinMs: number }
  /** The guard itself was killed, and with it or by the runner all that it guarded. */
  | { kind: 'guard_lost'; detail: string };

export interface GuardOptions {
  /** `best` when absent. */
  isolation?: Isolation;
  /** How long from now the program may go on without a sign of life from this process; without it, for ever. */
  aliveWithinMs?: () => number;
}

function spawnGuard(isolated: boolean, input: boolean, [stdout, stderr]: [number, number]): ChildProcess {
  const guard = [process.execPath, ...GUARD_FLAGS, GUARD_FILE];
  const args = isolated ? ['unshare', ...NEW_NAMESPACE, ...NAMESPACE_INIT, ...guard] : guard;
  return spawn('/bin/sh', [...UNDISTURBED, ...args], {
    // Its own group, so that a signal to the runner's group passes it by; none of the runner's secrets.
    detached: true,
    env: { PATH: process.env.PATH },
    cwd: '/',
    stdio: [input ? 'pipe' : 'ignore', stdout, stderr, 'pipe'],
  });
}

async function spawned(spawnOne: () => ChildProcess): Promise<ChildProcess> {
  const child = spawnOne();
  if (child.pid === undefined) throw ((await once(child, 'error')) as [Error])[0];
  return child;
}

/** A program, the guard over it, and all that it starts. */
export class GuardedProgram {
  /** How the program ended, told when nothing of the session is alive any more. */
  readonly ended: Promise<ProgramEnd>;
  /** What the program reads, when it was started with `input`. */
  readonly input: Writable | undefined;
  /** Processes that could not be killed, once `ended`. */
  survivors = 0;
  private readonly guard: ChildProcess;
  private readonly channel: Duplex;
  private readonly spec: ProgramSpec;
  private readonly isolated: boolean;
  private programPid: number | undefined;
  private readonly measures: ((mb: number | undefined) => void)[] = [];
  private end: ProgramEnd | undefined;
  private cleared = false;
  private unresponsive: NodeJS.Timeout | undefined;
  private sign: NodeJS.Timeout | undefined;

  /** Prints to `output`, which is released as soon as the guard has it. */
  static async start(spec: ProgramSpec, output: OutputPipes, options: GuardOptions = {}): Promise<GuardedProgram> {
    const { isolation = 'best', aliveWithinMs } = options;
    const namespace = isolation === 'best' ? await ownPidNamespace() : undefined;
    const guard = await spawned(() =>
      spawnGuard(namespace !== undefined, spec.input === true, output.writingEnds),
    ).finally(() => output.release());
    const program = new GuardedProgram(guard, spec, namespace !== undefined);
    sendLine(program.channel, {
      do: 'start',
      ...spec,
      ...(namespace ? { runnerNamespace: namespace } : {}),
      ...(aliveWithinMs ? { aliveWithinMs: aliveWithinMs() } : {}),
    });
    if (aliveWithinMs) program.giveSigns(() => aliveWithinMs());
    return program;
  }

  private constructor(guard: ChildProcess, spec: ProgramSpec, isolated: boolean) {
    this.guard = guard;
    this.spec = spec;
    this.isolated = isolated;
    this.input = guard.stdin ?? undefined;
    this.input?.on('error', () => undefined);
    this.channel = guard.stdio[3] as Duplex;
    this.channel.on('error', () => undefined);
    onLine<GuardReport>(this.channel, (report) => this.hear(report));
    this.ended = this.waitForEnd();
  }

  /** SIGTERM to every process of the session. */
  terminate(): void {
    this.ask({ do: 'terminate' });
  }

  /** SIGKILL to every process of the session. */
  kill(): void {
    if (this.guard.exitCode !== null || this.guard.signalCode !== null) return;
    this.ask({ do: 'kill' });
    this.unresponsive ??= setTimeout(() => killGroup(this.guard.pid!), UNRESPONSIVE_MS);
  }

  /** MiB, of the program and all that it started, without the guard. */
  memoryMb(): Promise<number | undefined> {
    if (this.end || !this.channel.writable) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(undefined), MEASURE_MS);
      this.measures.push((mb) => {
        clearTimeout(timer);
        resolve(mb);
      });
      this.ask({ do: 'measure' });
    });
  }

  /** Only while this process runs: whatever stops it stops the signs. */
  private giveSigns(within: () => number): void {
    const give = (): void => {
      const withinMs = within();
      this.ask({ do: 'alive', withinMs });
      const next = Math.min(SIGN_MS, Math.max(SOONEST_SIGN_MS, withinMs / 4));
      this.sign = setTimeout(give, next).unref();
    };
    give();
  }

  /**
   * After what has arrived was read: when this process stood still, the guard may have said its last and be gone, and a
   * failed write would take with it what was not read yet.
   */
  private ask(request: GuardRequest): void {
    setImmediate(() => {
      if (!this.end) sendLine(this.channel, request);
    });
  }

  private hear(report: GuardReport): void {
    if (report.event === 'memory') {
      this.measures.shift()?.(report.mb);
    } else if (report.event === 'started') {
      // In a namespace its number there, which says nothing here.
      if (!this.isolated) this.programPid = report.pid;
    } else if (report.event === 'exited') {
      this.end ??= { kind: 'exited', code: report.code, signal: report.signal };
    } else if (report.event === 'unstarted') {
      this.end ??= { kind: 'unstarted', code: report.code, message: report.message, folder: report.folder };
    } else if (report.event === 'deserted') {
      this.end ??= { kind: 'deserted', withinMs: report.withinMs };
    } else if (report.event === 'cleared') {
      this.cleared = true;
      this.survivors = report.survivors;
    }
  }

  private async waitForEnd(): Promise<ProgramEnd> {
    const detail = await once(this.guard, 'exit').then(
      ([code, signal]: unknown[]) => (typeof signal === 'string' ? signal : `exit code ${String(code)}`),
      (error: Error) => error.message,
    );
    clearTimeout(this.unresponsive);
    clearTimeout(this.sign);
    await this.channelEnd();
    for (const answer of this.measures.splice(0)) answer(undefined);
    if (!this.cleared) await this.clearWithoutGuard();
    return this.end ?? { kind: 'guard_lost', detail };
  }

  /** What the guard last said may still be on its way here when the system tells of its exit. */
  private async channelEnd(): Promise<void> {
    if (!this.channel.readableEnded && !this.channel.destroyed) {
      await once(this.channel, 'close', { signal: AbortSignal.timeout(1000) }).catch(() => undefined);
    }
    this.channel.destroy();
  }

  /** The guard was killed: do what it would have done. In a namespace the kernel has. */
  private async clearWithoutGuard(): Promise<void> {
    const guardPid = this.guard.pid!;
    killGroup(guardPid);
    const left = new SessionProcesses({ sessionId: this.spec.sessionId, guardPid, isolated: false });
    left.programPid = this.programPid;
    this.survivors = await left.killAll(UNRESPONSIVE_MS);
  }
}
