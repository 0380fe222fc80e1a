import { createHash } from 'node:crypto';
import type { ScheduleSpec, TaskState } from '@purser/contracts';
import { newestFires, nextFire, timetableOf } from './timetable.js';

/** A task can wait for so many others. */
const MAX_QUEUED = 100;

/** Where a schedule stands. Times are milliseconds since 1970. */
export interface Standing {
  spec: ScheduleSpec;
  /** What intervals are counted from. */
  anchor: number;
  /** What lies up to here is decided. */
  cursor: number;
}

export interface FirePlan {
  /** One at a time, each in a transaction of its own; what is left is due again at once. */
  fire: number | null;
  /** Passed over for good. */
  missed: number;
  cursor: number;
  next: number | null;
}

/**
 * What is to be fired now. A clock that was set back finds the cursor ahead of it: the times in between come again, and
 * those that were fired are known by their rows.
 */
export function planFires({ spec, anchor, cursor }: Standing, now: number): FirePlan {
  const timetable = timetableOf(spec, anchor);
  const from = Math.min(cursor, now);
  const limit = spec.catchUp === 'all' ? spec.catchUpLimit : 1;
  const due = newestFires(timetable, from, now, limit);
  const [first] = due.fires;
  if (first === undefined) return { fire: null, missed: 0, cursor: from, next: nextFire(timetable, from) };
  const tooLate = spec.catchUp === 'none' && now - first > spec.graceSeconds * 1000;
  return {
    fire: tooLate ? null : first,
    missed: due.older + (tooLate ? 1 : 0),
    cursor: first,
    next: nextFire(timetable, first),
  };
}

export interface EarlierTask {
  id: string;
  state: TaskState;
}

export type OverlapDecision =
  { kind: 'skip'; reason: string } | { kind: 'start' } | { kind: 'queue' | 'replace'; earlier: string[] };

/** What a fire does, given the tasks of earlier ones that have not ended. */
export function decideOverlap({ overlap }: Pick<ScheduleSpec, 'overlap'>, earlier: EarlierTask[]): OverlapDecision {
  const [first] = earlier;
  if (!first) return { kind: 'start' };
  if (overlap === 'skip') return { kind: 'skip', reason: `"${first.id}" of an earlier fire is still ${first.state}` };
  if (earlier.length >= MAX_QUEUED)
    return { kind: 'skip', reason: `${earlier.length} tasks of earlier fires wait already` };
  return { kind: overlap === 'queue' ? 'queue' : 'replace', earlier: earlier.map(({ id }) => id) };
}

/** `nightly-20261129T013000Z`: the same for every orchestrator that fires it. */
export const taskIdOf = (scheduleId: string, at: number): string =>
  `${scheduleId}-${new Date(at)
    .toISOString()
    .replaceAll(/[-:]|\.000/g, '')
    .replace('.', '')}`;

/** How much later than its fire time a task may start: evenly spread below `jitterSeconds`, and always the same. */
export function jitterMs(scheduleId: string, at: number, jitterSeconds: number): number {
  const digest = createHash('sha256').update(`${scheduleId} ${at}`).digest();
  return Math.floor((digest.readUInt32BE() / 2 ** 32) * jitterSeconds * 1000);
}
