import type { CostSchedule } from '@purser/plugin-sdk';

const SECOND = 1_000;
/** In a row; people are not called for what passes by itself. A source that never worked is told of at once. */
const FAILURES_TOLD = 3;

export type SourceCondition = 'waiting' | 'ok' | 'failing' | 'stale';

export interface Standing {
  since: Date;
  readAt: Date | null;
  newsAt: Date | null;
  failures: number;
}

/** After a failure: sooner than usual, later with each; never more often than once a minute, since asking may cost. */
export function retryAfterMs({ everySeconds }: CostSchedule, failures: number): number {
  const first = Math.max(60, everySeconds / 16);
  return Math.min(Math.max(60, everySeconds), first * 2 ** Math.min(failures - 1, 20)) * SECOND;
}

export function conditionOf(standing: Standing, { staleAfterSeconds }: CostSchedule, now: Date): SourceCondition {
  const { since, readAt, newsAt, failures } = standing;
  if (now.getTime() - (newsAt ?? since).getTime() > staleAfterSeconds * SECOND) return 'stale';
  if (failures > 0) return 'failing';
  return readAt === null ? 'waiting' : 'ok';
}

/** Whether people are told that it fails. */
export const isToldFailing = ({ failures, readAt }: Standing): boolean =>
  failures >= FAILURES_TOLD || (failures > 0 && readAt === null);
