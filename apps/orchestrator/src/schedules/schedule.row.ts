import type { Schedule, ScheduleFire, ScheduleSpec } from '@purser/contracts';
import { nextFires, timetableOf } from './timetable.js';

const SHOWN_NEXT = 5;

export interface ScheduleRow {
  id: string;
  spec: ScheduleSpec;
  anchor_at: Date;
  cursor_at: Date;
  next_at: Date | null;
  paused_reason: string | null;
  missed: bigint;
  created_at: Date;
  updated_at: Date;
}

export interface FireRow {
  schedule_id: string;
  fire_at: Date;
  outcome: ScheduleFire['outcome'];
  task_id: string | null;
  reason: string | null;
  manual: boolean;
  fired_at: Date;
}

export function scheduleOf(row: ScheduleRow, lastFire: FireRow | undefined): Schedule {
  const { cron = null, everySeconds = null, at = null, deadlineSeconds = null, ...spec } = row.spec;
  const paused = row.paused_reason !== null;
  const timetable = timetableOf(row.spec, row.anchor_at.getTime());
  const next = paused ? [] : nextFires(timetable, row.cursor_at.getTime(), SHOWN_NEXT);
  return {
    ...spec,
    cron,
    everySeconds,
    at,
    deadlineSeconds,
    state: paused ? 'paused' : row.next_at === null ? 'ended' : 'active',
    pausedReason: row.paused_reason,
    next: next.map((one) => new Date(one).toISOString()),
    lastFire: lastFire ? fireOf(lastFire) : null,
    missed: Number(row.missed),
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
  };
}

export const fireOf = (row: FireRow): ScheduleFire => ({
  at: row.fire_at.toISOString(),
  outcome: row.outcome,
  taskId: row.task_id,
  reason: row.reason,
  manual: row.manual,
  firedAt: row.fired_at.toISOString(),
});
