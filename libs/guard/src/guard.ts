// The process between the runner and a program. It lives as long as either: when the program ends or the pipe to the
// runner closes, or the runner stands still for longer than its lease allows, it kills all that the session started, and
// ends. Imports name .ts files, so that specs run this very
// file with Node's type stripping, without a build; tsc rewrites them to .js.
import { spawn, type ChildProcess } from 'node:child_process';
import { readlinkSync, statSync } from 'node:fs';
import { Socket } from 'node:net';
import { dirname } from 'node:path';
import { onLine, sendLine, type GuardRequest, type GuardReport, type StartProgram } from './guard-protocol.ts';
import { asUser, SessionProcesses } from './session-processes.ts';

const CLEAR_MS = 4000;
const STANDSTILL_MS = 1000;
const AFTER_A_STANDSTILL_MS = 2000;
/** The longest that a timer takes. */
const LONGEST_MS = 2 ** 31 - 1;
const runner = new Socket({ fd: 3 });
const report = (message: GuardReport) => sendLine(runner, message);

let session: SessionProcesses | undefined;
let ending = false;
let desertion: NodeJS.Timeout | undefined;

/** Signals to the runner's group are the runner's affair; ours is the pipe. */
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const) process.on(name, () => undefined);

async function end(): Promise<void> {
  if (ending) return;
  ending = true;
  clearTimeout(desertion);
  const survivors = (await session?.killAll(CLEAR_MS)) ?? 0;
  report({ event: 'cleared', survivors });
  if (!runner.writable) process.exit(0);
  runner.end(() => process.exit(0));
}

/**
 * A stopped process keeps its pipes open; so does one whose machine is about to freeze. By the monotonic clock. When this
 * process, too, stood still, all of them did: then the runner gets a moment for its next sign.
 */
function expectSign(withinMs: number): void {
  clearTimeout(desertion);
  if (ending) return;
  const dueAt = performance.now() + withinMs;
  const desert = () => {
    if (performance.now() - dueAt > STANDSTILL_MS) return expectSign(AFTER_A_STANDSTILL_MS);
    report({ event: 'deserted', withinMs });
    void end();
  };
  desertion = setTimeout(desert, Math.min(Math.max(0, withinMs), LONGEST_MS));
}

function isolatedFrom(runnerNamespace: string | undefined): boolean {
  return runnerNamespace !== undefined && readlinkSync('/proc/self/ns/pid') !== runnerNamespace;
}

/** The first folder on the way to `folder` that cannot be entered. */
function closedFolder(folder: string): string | undefined {
  const parent = dirname(folder);
  const above = parent === folder ? undefined : closedFolder(parent);
  if (above !== undefined) return above;
  try {
    statSync(`${folder}/.`);
    return undefined;
  } catch {
    return folder;
  }
}

function findClosedFolder({ runAs, folders }: StartProgram): string | undefined {
  if (!runAs) return undefined;
  return asUser(runAs, () => folders.map(closedFolder).find((folder) => folder !== undefined));
}

function launch(request: StartProgram): ChildProcess {
  const [program, ...args] = request.argv as [string, ...string[]];
  const { runAs } = request;
  return spawn(program, args, {
    cwd: request.cwd,
    env: request.env,
    stdio: ['ignore', 'inherit', 'inherit'],
    detached: true,
    // Node takes ids as signed numbers; macOS has nobody at 2^32 - 2.
    ...(runAs && { uid: runAs.uid | 0, gid: runAs.gid | 0 }),
  });
}

function start(request: StartProgram): void {
  const { sessionId, runAs, aliveWithinMs } = request;
  if (aliveWithinMs !== undefined) expectSign(aliveWithinMs);
  const isolated = isolatedFrom(request.runnerNamespace);
  const own = (session = new SessionProcesses({ sessionId, guardPid: process.pid, runAs, isolated }));
  const fail = (error: NodeJS.ErrnoException, folder?: string) => {
    report({ event: 'unstarted', code: error.code ?? 'UNKNOWN', message: error.message, folder });
    void end();
  };
  const closed = findClosedFolder(request);
  if (closed !== undefined) {
    fail(Object.assign(new Error(`cannot enter ${closed}`), { code: 'UNREACHABLE' }), closed);
    return;
  }
  let program: ChildProcess;
  try {
    program = launch(request);
  } catch (error) {
    fail(error as NodeJS.ErrnoException);
    return;
  }
  own.programPid = program.pid;
  program.on('error', (error) => fail(error));
  program.on('spawn', () => report({ event: 'started', pid: program.pid! }));
  program.on('exit', (code, signal) => {
    report({ event: 'exited', code, signal });
    void end();
  });
}

onLine<GuardRequest>(runner, (request) => {
  if (request.do === 'start') start(request);
  else if (request.do === 'alive') expectSign(request.withinMs);
  else if (request.do === 'terminate') session?.signal('SIGTERM');
  else if (request.do === 'measure') report({ event: 'memory', mb: session?.memoryMb() ?? 0 });
  else if (session) void session.killAll(CLEAR_MS);
  else void end();
});
runner.on('end', () => void end());
runner.on('close', () => void end());
runner.on('error', () => void end());
process.on('uncaughtException', (error) => {
  if (!ending) process.stderr.write(`purser guard: ${error.stack ?? error.message}\n`);
  void end();
});
