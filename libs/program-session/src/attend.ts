import type { Readable } from 'node:stream';
import { type ProgramEnd, pumpLines, Tail } from '@purser/guard';
import { type ExecutorResult, type ExecutorSession, SessionLog, type SessionSignal } from '@purser/plugin-sdk';
import { keepArtifacts } from './artifacts.js';
import { Captures } from './captures.js';
import { within } from './deadline.js';
import { outcome } from './outcome.js';
import { FILE_LIMIT, type SessionFiles } from './session-files.js';
import { Stop } from './stop.js';

const RESULT = 'result.json';
const OUTPUT_TAIL = 4 * 1024;
const ERROR_TAIL = 2 * 1024;
/** For the last checkpoint, and for the last lines of output, once the program has ended. */
const FINISH_MS = 10_000;
/** The same for a session that was to stop at once: an emergency does not wait for a slow database. */
const STOPPED_FINISH_MS = 1000;

/** A program that runs, wherever it does. */
export interface AttendedProgram {
  /** Told when nothing of it is alive any more. */
  readonly ended: Promise<ProgramEnd>;
  /** Processes that could not be killed, once `ended`. */
  readonly survivors: number;
  terminate(): void;
  kill(): void;
}

export interface Attendance {
  program: AttendedProgram;
  files: SessionFiles;
  stdout: Readable;
  stderr: Readable;
  argv0: string;
  /** Whom it runs as, when that is another user than the runner's. */
  user: string | undefined;
  log: SessionLog;
}

/** Stays with a session's program by the command contract, from its start until all that it left is kept. */
export async function attend(session: ExecutorSession, attendance: Attendance): Promise<ExecutorResult> {
  const { program, files, log } = attendance;
  const stop = new Stop(session, program);
  const captures = new Captures(session, files, { say: (line) => log.say(line), stale: () => stop.stale() });
  const stdout = new Tail(OUTPUT_TAIL);
  const stderr = new Tail(ERROR_TAIL);
  const printed = Promise.all([
    pumpLines(attendance.stdout, stdout, (line) => log.take('stdout', line)),
    pumpLines(attendance.stderr, stderr, (line) => log.take('stderr', line)),
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
  attendance.stdout.destroy();
  attendance.stderr.destroy();
  await captures.finish(finishMs).catch((error: Error) => log.say(`the last state was not kept: ${error.message}`));
  await within(finishMs, keepArtifacts(session, files.state, log)).catch((error: Error) =>
    log.say(`not all artifacts were kept: ${error.message}`),
  );
  const result = end.kind === 'exited' && end.code === 0 ? await readResult(log, files) : undefined;
  log.finish();
  return outcome(end, {
    argv0: attendance.argv0,
    user: attendance.user,
    wrap: stop.wrapped,
    graceMs: stop.graceOver ? session.graceMs : undefined,
    killed: stop.killed,
    result,
    stdoutTail: stdout.toString(),
    stderrTail: stderr.toString(),
  });
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

async function readResult(log: SessionLog, files: SessionFiles): Promise<{ value: unknown } | undefined> {
  if (!(await files.state.stat(RESULT))) return undefined;
  try {
    const bytes = await files.state.read(RESULT, FILE_LIMIT);
    if (!bytes) throw new Error(`no plain file of the program's of at most ${FILE_LIMIT} bytes`);
    return { value: JSON.parse(bytes.toString('utf8')) as unknown };
  } catch (error) {
    log.say(`result.json was not taken: ${(error as Error).message}`);
    return undefined;
  }
}
