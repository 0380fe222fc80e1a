import { type FinishOutcome, RetryBackoff, type SessionOutcome, type Task } from '@purser/contracts';

export const LOST_IN_A_ROW_IS_POISON = 5;
export const UNCHANGED_IN_A_ROW_IS_NO_PROGRESS = 5;
/** Doubling from one second to five minutes. */
const STANDARD_BACKOFF = RetryBackoff.parse({});
const MAX_TEXT = 4_096;

/** How a session ended: its runner said so, or its lease lapsed. */
export type Ending = (FinishOutcome | { kind: 'lost' }) & { /** The gateway metered tokens of it. */ spent?: boolean };

/** What the rules need to know of a running task. */
export interface Standing {
  sessionsUsed: number;
  maxSessions: number;
  failures: number;
  retries: number;
  retryBackoff?: RetryBackoff | undefined;
  lostInARow: number;
  unchangedInARow: number;
  /** Digest of the checkpoint that the session began from, and of the last one now. */
  startDigest: string | null;
  lastDigest: string | null;
  cancelRequested: boolean;
  /** Why it is to be paused. */
  pauseRequested: string | null;
  overdue: boolean;
}

export type TaskError = NonNullable<Task['error']>;

/** What becomes of the task. */
export type Next =
  | { state: 'completed'; result: unknown }
  | { state: 'failed'; error: TaskError }
  | { state: 'cancelled' }
  | { state: 'paused'; reason: string }
  | { state: 'ready'; afterMs: number };

export interface Step {
  next: Next;
  sessionOutcome: SessionOutcome;
  reason: string;
  sessionsUsed: number;
  failures: number;
  lostInARow: number;
  unchangedInARow: number;
}

const OUTCOMES: Record<Ending['kind'], SessionOutcome> = {
  completed: 'completed',
  failed: 'failed',
  continue: 'continued',
  released: 'released',
  lost: 'lost',
};

/** The one place that decides what follows the end of a session. `random` is in [0, 1). */
export function afterSession(standing: Standing, ending: Ending, random: number): Step {
  const unchanged = standing.lastDigest === standing.startDigest;
  // One that did spend money is a session like others: a task must not spend every budget anew and get nowhere.
  const unaffordable = ending.kind === 'continue' && ending.waitsFor === 'budget' && ending.spent !== true;
  const counted = {
    // A runner that shuts down or stops for an emergency is not the task's doing, nor is it that there is no money.
    sessionsUsed: standing.sessionsUsed + (ending.kind === 'released' || unaffordable ? 0 : 1),
    failures: standing.failures + (ending.kind === 'failed' ? 1 : 0),
    lostInARow: ending.kind === 'lost' ? standing.lostInARow + 1 : 0,
    unchangedInARow:
      ending.kind === 'continue' && !unchanged
        ? 0
        : standing.unchangedInARow + (ending.kind === 'continue' && !unaffordable ? 1 : 0),
  };
  return {
    ...counted,
    next: nextOf({ ...standing, ...counted }, ending, random),
    sessionOutcome: OUTCOMES[ending.kind],
    reason: reasonOf(ending),
  };
}

function nextOf(standing: Standing, ending: Ending, random: number): Next {
  if (standing.cancelRequested) return { state: 'cancelled' };
  if (ending.kind === 'completed') return { state: 'completed', result: ending.result };
  const retried = ending.kind === 'failed' && standing.failures <= standing.retries;
  if (ending.kind === 'failed' && !retried) return failed(clipped(ending.error.code, 64), ending.error.message);
  if (standing.overdue) return failed('deadline', 'the deadline passed before the task was done');
  if (ending.kind === 'lost' && standing.lostInARow >= LOST_IN_A_ROW_IS_POISON) {
    return failed(
      'poison',
      `${standing.lostInARow} sessions in a row were lost without a new checkpoint; the task may be what kills its runner`,
    );
  }
  if (ending.kind === 'continue' && standing.unchangedInARow >= UNCHANGED_IN_A_ROW_IS_NO_PROGRESS) {
    return failed(
      'no_progress',
      `${standing.unchangedInARow} sessions in a row asked to go on without having changed the checkpoint`,
    );
  }
  if (standing.sessionsUsed >= standing.maxSessions) {
    if (ending.kind === 'failed') return failed(clipped(ending.error.code, 64), ending.error.message);
    return failed('max_sessions', `not done after ${standing.sessionsUsed} sessions, which is its maxSessions`);
  }
  // A pause stops what would go on, not what has ended.
  if (standing.pauseRequested !== null) return { state: 'paused', reason: standing.pauseRequested };
  return { state: 'ready', afterMs: retried ? backoffMs(standing.failures, random, standing.retryBackoff) : 0 };
}

/** Before the next try after so many failures: spread over half to one and a half of it, so that tasks that failed together do not return together. */
export function backoffMs(failures: number, random: number, backoff: RetryBackoff = STANDARD_BACKOFF): number {
  const { firstSeconds, factor, maxSeconds } = backoff;
  return Math.round(Math.min(maxSeconds, firstSeconds * factor ** (failures - 1)) * 1_000 * (0.5 + random));
}

function reasonOf(ending: Ending): string {
  if (ending.kind === 'completed') return 'done';
  if (ending.kind === 'failed') return clipped(`${ending.error.code}: ${ending.error.message}`);
  if (ending.kind === 'lost') return 'runner lost: its lease lapsed';
  return clipped(ending.reason);
}

const failed = (code: string, message: string): Next => ({
  state: 'failed',
  error: { code, message: clipped(message) },
});

/** As Postgres can keep it (no U+0000), and not so long that a list of tasks outgrows a message. */
const clipped = (text: string, length = MAX_TEXT): string =>
  (text.length > length ? `${text.slice(0, length - 1)}…` : text).replaceAll('\0', '\ufffd');
