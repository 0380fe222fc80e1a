import type { ProgramEnd } from '@purser/guard';
import type { ExecutorResult } from '@purser/plugin-sdk';

/** A program asks with it for a fresh session (EX_TEMPFAIL of sysexits.h). */
export const CONTINUE_EXIT = 75;

export interface Circumstances {
  argv0: string;
  /** Whom it ran as, when that is another user than the runner's. */
  user: string | undefined;
  /** Why a wrap-up was asked for, if it was. */
  wrap: string | undefined;
  /** Whether it had to be killed at the end of the grace period. */
  graceMs: number | undefined;
  /** Why everything was stopped at once, if it was. */
  killed: string | undefined;
  /** What the program left in result.json. */
  result: { value: unknown } | undefined;
  stdoutTail: string;
  stderrTail: string;
}

const failed = (code: string, message: string): ExecutorResult => ({ kind: 'failed', error: { code, message } });

const lastLines = (text: string) => text.trimEnd().split('\n').slice(-5).join('\n');

function unstarted(end: ProgramEnd & { kind: 'unstarted' }, { argv0, user }: Circumstances): ExecutorResult {
  const who = user === undefined ? 'this user' : `the user it runs as (${user})`;
  switch (end.code) {
    case 'ENOENT':
      return failed(
        'not_found',
        `there is no program "${argv0}" (or, for a script, not the interpreter that its first line names); give a path, or install it where PATH leads`,
      );
    case 'EACCES':
      // What the system says, too, when it found nothing and one folder of PATH was closed.
      if (!argv0.includes('/')) {
        return failed(
          'not_found',
          `there is no program "${argv0}" that ${who} may execute in the folders of PATH; install it where that user can, or give a path`,
        );
      }
      return failed('not_executable', `"${argv0}" may not be executed by ${who}; check its mode and its folders`);
    case 'UNREACHABLE':
      return failed(
        'unreachable_folder',
        `${who} may not enter ${end.folder}; move Purser's data folder or cwd where it can, or set \`user\` in the configuration of the command plugin`,
      );
    case 'E2BIG':
      return failed('input_too_big', 'the arguments and variables are too big for the system; put them into a file');
    default:
      return failed('not_started', `"${argv0}" could not be started: ${end.message}`);
  }
}

function howItEnded({ code, signal }: { code: number | null; signal: string | null }): string {
  return signal === null ? `exit code ${code}` : signal;
}

function completed({ result, stdoutTail }: Circumstances): ExecutorResult {
  return { kind: 'completed', result: result ? result.value : { exitCode: 0, output: stdoutTail } };
}

/**
 * Exit 0 is done, 75 asks for a fresh session. After a wrap-up was asked for, every other end counts as a continuation
 * too: programs that are asked to stop report it in many ways (143, 130, 1, death by the signal).
 */
export function outcome(end: ProgramEnd, circumstances: Circumstances): ExecutorResult {
  const { wrap, graceMs, killed, stderrTail } = circumstances;
  if (end.kind === 'unstarted') return unstarted(end, circumstances);
  if (end.kind === 'exited' && end.code === 0) return completed(circumstances);
  if (end.kind === 'deserted') {
    const silent = `the runner gave no sign of life for ${Math.round(end.withinMs)} ms`;
    return { kind: 'continue', reason: `${silent}, so the program was killed before another runner takes over` };
  }
  const ended = end.kind === 'exited' ? howItEnded(end) : end.detail;
  if (killed !== undefined) return { kind: 'continue', reason: `stopped: ${killed}` };
  if (wrap !== undefined && graceMs !== undefined) {
    return { kind: 'continue', reason: `${wrap}; it did not end within ${graceMs} ms and was killed` };
  }
  if (wrap !== undefined) return { kind: 'continue', reason: `${wrap}; it ended with ${ended}` };
  if (end.kind === 'guard_lost') return failed('guard_lost', `the process that guards the program ended: ${ended}`);
  if (end.code === CONTINUE_EXIT)
    return { kind: 'continue', reason: 'the program asked for a fresh session (exit 75)' };
  const lines = lastLines(stderrTail);
  const detail = lines === '' ? '' : `: ${lines}`;
  if (end.signal !== null) {
    const hint = end.signal === 'SIGKILL' ? ' (often for want of memory)' : '';
    return failed(`signal_${end.signal}`, `"${circumstances.argv0}" was ended by ${end.signal}${hint}${detail}`);
  }
  return failed(`exit_${end.code}`, `"${circumstances.argv0}" ended with exit code ${end.code}${detail}`);
}
