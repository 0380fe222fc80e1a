import { Injectable } from '@nestjs/common';
import { MAX_SIGNALS_WAITING, type Signal, type SignalRecord, type TaskState } from '@purser/contracts';
import { Database, type Sql } from '@purser/database';

/** Taken ones that stay to be looked at. */
const KEPT = 200;
/** What one heartbeat's answer carries of them, over all its sessions; the rest comes with the next ones. */
const MAX_BYTES_AT_ONCE = 512 * 1024;
const MAX_AT_ONCE = 500;

interface SignalRow {
  number: number;
  name: string;
  payload: unknown;
  by: string;
  at: Date;
  epoch: number | null;
  state: SignalRecord['state'];
}

/** A session, and the number of the last signal that it has. */
export interface Heard {
  taskId: string;
  epoch: number;
  signals?: number | undefined;
}

/** Delivered to a session that is not the task's any more is waiting again. */
const COLUMNS = `s.number, s.name, s.payload, s.by, s.at, s.epoch,
  CASE WHEN s.taken_at IS NOT NULL THEN 'taken'
       WHEN t.state = 'running' AND t.epoch = s.epoch THEN 'delivered' ELSE 'waiting' END AS state`;

@Injectable()
export class SignalsRepository {
  constructor(private readonly database: Database) {}

  /** Locks the task, so that its signals are numbered one after the other. */
  async lockTask(tx: Sql, id: string): Promise<{ state: TaskState; over: boolean; waiting: number } | undefined> {
    const [task] = await tx.query<{ state: TaskState; over: boolean }>(
      'SELECT state, finished_at IS NOT NULL AS over FROM tasks WHERE id = $1 FOR NO KEY UPDATE',
      [id],
    );
    if (!task) return undefined;
    // A statement of its own: one that waits for the lock does not see what was stored meanwhile.
    const [counted] = await tx.query<{ waiting: number }>(
      'SELECT count(*)::integer AS waiting FROM signals WHERE task_id = $1 AND taken_at IS NULL',
      [id],
    );
    return { ...task, waiting: counted?.waiting ?? 0 };
  }

  async findByKey(tx: Sql, taskId: string, key: string): Promise<SignalRecord | undefined> {
    const [row] = await tx.query<SignalRow>(
      `SELECT ${COLUMNS} FROM signals s JOIN tasks t ON t.id = s.task_id WHERE s.task_id = $1 AND s.key = $2`,
      [taskId, key],
    );
    return row && recordOf(row);
  }

  async add(
    tx: Sql,
    { id, name, payload, key, by }: { id: string; name: string; payload: string; key: string | null; by: string },
  ): Promise<SignalRecord> {
    const [row] = await tx.query<SignalRow>(
      `INSERT INTO signals (task_id, number, key, name, payload, by)
       SELECT $1, coalesce(max(number), 0) + 1, $2, $3, $4::json, $5 FROM signals WHERE task_id = $1
       RETURNING number, name, payload, by, at, epoch, 'waiting' AS state`,
      [id, key, name, payload, by],
    );
    if (!row) throw new Error('the signal was not stored');
    await tx.query('DELETE FROM signals WHERE task_id = $1 AND number <= $2 AND taken_at IS NOT NULL', [
      id,
      row.number - KEPT - MAX_SIGNALS_WAITING,
    ]);
    return recordOf(row);
  }

  async list(taskId: string, limit: number): Promise<SignalRecord[]> {
    const rows = await this.database.query<SignalRow>(
      `SELECT ${COLUMNS} FROM signals s JOIN tasks t ON t.id = s.task_id
       WHERE s.task_id = $1 ORDER BY s.number DESC LIMIT $2`,
      [taskId, limit],
    );
    return rows.map(recordOf);
  }

  /** Notes what these sessions have received, and gives what they have not, in order. Of tasks that they own, and no others. */
  async exchange(sessions: readonly Heard[]): Promise<Map<string, Signal[]>> {
    const rows = await this.database.query<SignalRow & { task_id: string }>(
      `WITH heard AS (
         SELECT h.* FROM unnest($1::text[], $2::integer[], $3::integer[]) AS h (id, epoch, received)
         JOIN tasks t ON t.id = h.id AND t.epoch = h.epoch AND t.state = 'running'
       ), waiting AS (
         SELECT s.task_id, s.number, h.epoch, s.number <= h.received AS received, octet_length(s.payload::text) AS bytes
         FROM signals s JOIN heard h ON h.id = s.task_id
         WHERE s.taken_at IS NULL AND s.epoch IS DISTINCT FROM h.epoch
       ), noted AS (
         UPDATE signals s SET epoch = w.epoch FROM waiting w
         WHERE s.task_id = w.task_id AND s.number = w.number AND w.received
       ), fitting AS (
         SELECT task_id, number FROM (
           SELECT task_id, number, sum(bytes) OVER w AS bytes, row_number() OVER w AS position
           FROM waiting WHERE NOT received WINDOW w AS (ORDER BY number, task_id)
         ) AS counted
         WHERE position = 1 OR (bytes <= ${MAX_BYTES_AT_ONCE} AND position <= ${MAX_AT_ONCE})
       )
       SELECT s.task_id, s.number, s.name, s.payload, s.by, s.at, s.epoch, 'waiting' AS state
       FROM fitting JOIN signals s USING (task_id, number) ORDER BY s.task_id, s.number`,
      [
        sessions.map(({ taskId }) => taskId),
        sessions.map(({ epoch }) => epoch),
        sessions.map(({ signals }) => signals ?? 0),
      ],
    );
    const found = new Map<string, Signal[]>();
    for (const { task_id: taskId, number, name, payload, at } of rows) {
      const signal = { number, name, payload, at: at.toISOString() };
      found.set(taskId, [...(found.get(taskId) ?? []), signal]);
    }
    return found;
  }

  /** The session that had them ended in order: no other one gets them. */
  async take(taskId: string, upTo: number): Promise<void> {
    await this.database.query(
      'UPDATE signals SET taken_at = now() WHERE task_id = $1 AND number <= $2 AND taken_at IS NULL',
      [taskId, upTo],
    );
  }
}

const recordOf = ({ number, name, payload, by, at, epoch, state }: SignalRow): SignalRecord => ({
  number,
  name,
  payload,
  by,
  at: at.toISOString(),
  epoch,
  state,
});
