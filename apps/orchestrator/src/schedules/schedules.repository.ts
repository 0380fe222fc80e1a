import { Injectable } from '@nestjs/common';
import type { ScheduleSpec } from '@purser/contracts';
import { Database, type Sql } from '@purser/database';
import type { EarlierTask, FirePlan } from './fire-plan.js';
import type { FireRow, ScheduleRow } from './schedule.row.js';

const COLUMNS = 'id, spec, anchor_at, cursor_at, next_at, paused_reason, missed, created_at, updated_at';
const FIRE_COLUMNS = 'schedule_id, fire_at, outcome, task_id, reason, manual, fired_at';
/** The cursor is never ahead of a clock that goes on: so far ahead, the clock was set back, or is another machine's. */
const CLOCK_DIFFERENCE = `interval '60 seconds'`;

/** Milliseconds since 1970 as Postgres takes them. */
const time = (parameter: string): string => `to_timestamp(${parameter}::double precision / 1000)`;

/** A timetable as it is to be followed from now on. */
export interface NewTimetable {
  spec: ScheduleSpec;
  anchor: number;
  next: number | null;
  now: number;
}

@Injectable()
export class SchedulesRepository {
  constructor(private readonly database: Database) {}

  /** Undefined when there is one with this id already. */
  async insert({ spec, anchor, next, now }: NewTimetable): Promise<ScheduleRow | undefined> {
    const [row] = await this.database.query<ScheduleRow>(
      `INSERT INTO schedules (id, spec, anchor_at, cursor_at, next_at, created_at, updated_at)
       VALUES ($1, $2::json, ${time('$3')}, ${time('$5')}, ${time('$4')}, ${time('$5')}, ${time('$5')})
       ON CONFLICT (id) DO NOTHING RETURNING ${COLUMNS}`,
      [spec.id, JSON.stringify(spec), anchor, next, now],
    );
    return row;
  }

  /** What passed under the old timetable is not caught up under the new one. */
  async update(tx: Sql, { spec, anchor, next, now }: NewTimetable): Promise<ScheduleRow | undefined> {
    const [row] = await tx.query<ScheduleRow>(
      `UPDATE schedules SET spec = $2::json, anchor_at = ${time('$3')}, cursor_at = ${time('$5')},
         next_at = ${time('$4')}, updated_at = ${time('$5')}
       WHERE id = $1 RETURNING ${COLUMNS}`,
      [spec.id, JSON.stringify(spec), anchor, next, now],
    );
    return row;
  }

  async find(id: string): Promise<ScheduleRow | undefined> {
    const [row] = await this.database.query<ScheduleRow>(`SELECT ${COLUMNS} FROM schedules WHERE id = $1`, [id]);
    return row;
  }

  list(limit: number, after: string | undefined): Promise<ScheduleRow[]> {
    return this.database.query(
      `SELECT ${COLUMNS} FROM schedules WHERE $2::text IS NULL OR id COLLATE "C" > $2 ORDER BY id COLLATE "C" LIMIT $1`,
      [limit, after ?? null],
    );
  }

  async delete(id: string): Promise<boolean> {
    const rows = await this.database.query('DELETE FROM schedules WHERE id = $1 RETURNING id', [id]);
    return rows.length > 0;
  }

  async pause(id: string, reason: string, now: number): Promise<void> {
    await this.database.query(
      `UPDATE schedules SET paused_reason = $2, updated_at = ${time('$3')} WHERE id = $1 AND paused_reason IS NULL`,
      [id, reason, now],
    );
  }

  async resume(tx: Sql, id: string, next: number | null, now: number): Promise<void> {
    await tx.query(
      `UPDATE schedules SET paused_reason = NULL, cursor_at = ${time('$3')}, next_at = ${time('$2')},
         updated_at = ${time('$3')}
       WHERE id = $1`,
      [id, next, now],
    );
  }

  /** Held until the transaction ends: whoever has it fires. */
  async hold(tx: Sql, id: string): Promise<ScheduleRow | undefined> {
    const [row] = await tx.query<ScheduleRow>(`SELECT ${COLUMNS} FROM schedules WHERE id = $1 FOR UPDATE`, [id]);
    return row;
  }

  /** The one that has been due for longest and that nobody else holds. */
  async holdDue(tx: Sql, now: number): Promise<ScheduleRow | undefined> {
    const [row] = await tx.query<ScheduleRow>(
      `SELECT ${COLUMNS} FROM schedules
       WHERE paused_reason IS NULL AND next_at IS NOT NULL
         AND (next_at <= ${time('$1')} OR cursor_at > ${time('$1')} + ${CLOCK_DIFFERENCE})
       ORDER BY next_at LIMIT 1 FOR UPDATE SKIP LOCKED`,
      [now],
    );
    return row;
  }

  /** When the next one is due; null when none ever is. */
  async nextDue(): Promise<number | null> {
    const [row] = await this.database.query<{ next: Date | null }>(
      'SELECT min(next_at) AS next FROM schedules WHERE paused_reason IS NULL AND next_at IS NOT NULL',
    );
    return row?.next?.getTime() ?? null;
  }

  async moveOn(tx: Sql, id: string, { cursor, next, missed }: FirePlan): Promise<void> {
    await tx.query(
      `UPDATE schedules SET cursor_at = ${time('$2')}, next_at = ${time('$3')}, missed = missed + $4 WHERE id = $1`,
      [id, cursor, next, missed],
    );
  }

  /** False when this time was fired already. */
  async addFire(tx: Sql, row: FireRow): Promise<boolean> {
    const rows = await tx.query(
      `INSERT INTO schedule_fires (${FIRE_COLUMNS}, open)
       VALUES ($1, ${time('$2')}, $3, $4, $5, $6, ${time('$7')}, $4::text IS NOT NULL)
       ON CONFLICT (schedule_id, fire_at) DO NOTHING RETURNING schedule_id`,
      [
        row.schedule_id,
        row.fire_at.getTime(),
        row.outcome,
        row.task_id,
        row.reason,
        row.manual,
        row.fired_at.getTime(),
      ],
    );
    return rows.length === 1;
  }

  async isFired(tx: Sql, id: string, at: number): Promise<boolean> {
    const rows = await tx.query(`SELECT 1 FROM schedule_fires WHERE schedule_id = $1 AND fire_at = ${time('$2')}`, [
      id,
      at,
    ]);
    return rows.length === 1;
  }

  /** Tasks of earlier fires that have not ended, oldest first. Fires of those that have are closed on the way. */
  async earlierTasks(tx: Sql, id: string): Promise<EarlierTask[]> {
    await tx.query(
      `UPDATE schedule_fires f SET open = false
       WHERE schedule_id = $1 AND open
         AND NOT EXISTS (SELECT 1 FROM tasks t WHERE t.id = f.task_id AND t.finished_at IS NULL)`,
      [id],
    );
    return tx.query(
      `SELECT t.id, t.state FROM schedule_fires f JOIN tasks t ON t.id = f.task_id
       WHERE f.schedule_id = $1 AND f.open AND t.finished_at IS NULL ORDER BY f.fire_at`,
      [id],
    );
  }

  async forgetFires(tx: Sql, id: string, before: number): Promise<void> {
    await tx.query(`DELETE FROM schedule_fires WHERE schedule_id = $1 AND fire_at < ${time('$2')} AND NOT open`, [
      id,
      before,
    ]);
  }

  firesOf(id: string, limit: number): Promise<FireRow[]> {
    return this.database.query(
      `SELECT ${FIRE_COLUMNS} FROM schedule_fires WHERE schedule_id = $1 ORDER BY fire_at DESC LIMIT $2`,
      [id, limit],
    );
  }

  lastFires(ids: string[]): Promise<FireRow[]> {
    return this.database.query(
      `SELECT f.* FROM unnest($1::text[]) AS wanted (id)
       CROSS JOIN LATERAL (SELECT ${FIRE_COLUMNS} FROM schedule_fires
                           WHERE schedule_id = wanted.id ORDER BY fire_at DESC LIMIT 1) AS f`,
      [ids],
    );
  }
}
