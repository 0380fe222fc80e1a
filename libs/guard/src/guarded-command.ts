import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunAs } from './guard-protocol.js';
import { GuardedProgram, type GuardOptions } from './guarded-program.js';
import { OutputPipes } from './output-pipes.js';
import { pumpLines, Tail } from './output.js';

const OUTPUT_TAIL = 4 * 1024;

export interface GuardedCommand extends GuardOptions {
  /** Marks its processes; no two that run at a time have the same. */
  id: string;
  argv: string[];
  cwd: string;
  env: Record<string, string>;
  /** For root: whom it runs as. */
  runAs?: RunAs;
  timeoutMs: number;
  /** Aborted: it is killed, and counts as one that did not end in time. */
  signal?: AbortSignal;
}

export interface GuardedCommandEnd {
  /** Null when it did not end by itself. */
  code: number | null;
  timedOut: boolean;
  /** The last lines of each. */
  stdout: string;
  stderr: string;
}

/** Runs a command that may start others, and returns when none of them is alive any more. */
export async function runGuarded(command: GuardedCommand): Promise<GuardedCommandEnd> {
  const { id, argv, cwd, runAs, timeoutMs, signal, isolation, aliveWithinMs } = command;
  const folder = await mkdtemp(join(tmpdir(), 'purser-pipes-'));
  const [stdout, stderr] = [new Tail(OUTPUT_TAIL), new Tail(OUTPUT_TAIL)];
  let output: OutputPipes | undefined;
  let timer: NodeJS.Timeout | undefined;
  let timedOut = false;
  let stop: (() => void) | undefined;
  try {
    output = await OutputPipes.open(folder);
    const printed = Promise.all([
      pumpLines(output.stdout, stdout, () => undefined),
      pumpLines(output.stderr, stderr, () => undefined),
    ]);
    printed.catch(() => undefined);
    const env = { ...command.env, PURSER_SESSION_ID: id };
    const spec = { sessionId: id, argv, cwd, env, folders: [cwd], ...(runAs && { runAs }) };
    const program = await GuardedProgram.start(spec, output, {
      ...(isolation && { isolation }),
      ...(aliveWithinMs && { aliveWithinMs }),
    });
    stop = () => {
      timedOut = true;
      program.kill();
    };
    timer = setTimeout(stop, timeoutMs);
    signal?.addEventListener('abort', stop, { once: true });
    if (signal?.aborted) stop();
    const end = await program.ended;
    // Nothing that prints is alive, unless it could not be killed.
    if (program.survivors === 0) await printed;
    if (end.kind === 'unstarted') throw new Error(`${argv[0]} could not be started: ${end.message}`);
    const code = end.kind === 'exited' ? end.code : null;
    return { code, timedOut, stdout: stdout.toString(), stderr: stderr.toString() };
  } finally {
    clearTimeout(timer);
    if (stop) signal?.removeEventListener('abort', stop);
    output?.destroy();
    await rm(folder, { recursive: true, force: true });
  }
}
