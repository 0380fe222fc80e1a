import { Injectable } from '@nestjs/common';
import type { TaskState } from '@purser/contracts';
import { Database } from '@purser/database';

export type EndState = Extract<TaskState, 'completed' | 'failed' | 'cancelled'>;

/** Where a look at the oldest tasks got to. */
export interface Looked {
  copied: number;
  /** The next look begins after it; undefined when the rest is too young. */
  next: bigint | undefined;
}

/** A task shows no more. */
const SESSIONS_KEPT = 500;
/**
 * Between the copy and the removal. A statement that stores the id meanwhile finds the task in its place; one that began
 * before the copy was there is long over when it is removed.
 */
const REMOVED_AFTER_SECONDS = 10;

/** A task that something unfinished still needs stays: a dependent, children, a retry that goes on from it. */
const NOT_NEEDED = `
  (t.budget_nano IS NULL OR t.budget_deleted)
  AND NOT EXISTS (SELECT 1 FROM task_dependencies d JOIN tasks w ON w.id = d.task_id
                  WHERE d.depends_on = t.id AND w.finished_at IS NULL)
  AND NOT EXISTS (SELECT 1 FROM tasks c WHERE c.parent_id = t.id)
  AND NOT EXISTS (SELECT 1 FROM tasks r WHERE r.id = t.retried_as)`;

/** Several orchestrators may do all of this at once: they pass over what another one has locked. */
@Injectable()
export class RetentionRepository {
  private armed = false;

  constructor(private readonly database: Database) {}

  /**
   * Copies what ended long ago into the archive. In the order of the index tasks_by_state, from the oldest on, since no
   * task ends before it was created: a look ends where all were created too lately.
   */
  async copy(state: EndState, afterSeq: bigint, days: number, limit: number): Promise<Looked> {
    const [row] = await this.database.query<{ looked: number; last: bigint | null; young: boolean; copied: number }>(
      `WITH looked AS MATERIALIZED (
         SELECT id, seq, created_at FROM tasks WHERE state = $1 AND seq > $2 ORDER BY seq LIMIT $4
       ), due AS MATERIALIZED (
         SELECT t.id FROM looked JOIN tasks t USING (id)
         WHERE t.finished_at < now() - $3::double precision * interval '1 day' AND ${NOT_NEEDED}
           AND NOT EXISTS (SELECT 1 FROM archived_tasks a WHERE a.id = t.id)
         FOR UPDATE OF t SKIP LOCKED
       ), copied AS (
         INSERT INTO archived_tasks (id, task, sessions)
         SELECT t.id, packed_task(t.id), coalesce(
           (SELECT json_agg(s ORDER BY s.epoch) FROM (
              SELECT * FROM sessions WHERE task_id = t.id ORDER BY epoch DESC LIMIT ${SESSIONS_KEPT}) AS s), '[]')
         FROM due JOIN tasks t USING (id)
         ON CONFLICT (id) DO NOTHING
         RETURNING id
       )
       SELECT (SELECT count(*)::integer FROM looked) AS looked, (SELECT max(seq) FROM looked) AS last,
         (SELECT coalesce(bool_and(created_at >= now() - $3::double precision * interval '1 day'), true) FROM looked) AS young,
         (SELECT count(*)::integer FROM copied) AS copied`,
      [state, afterSeq, days, limit],
    );
    if (!row) throw new Error('the oldest tasks could not be looked at');
    const more = row.looked === limit && !row.young && row.last !== null;
    return { copied: row.copied, next: more ? (row.last ?? undefined) : undefined };
  }

  /** Removes copied tasks from the hot tables. What was needed again meanwhile stays, and its copy goes. @returns how many it dealt with */
  async remove(limit: number): Promise<{ removed: number; kept: number }> {
    await this.arm();
    return this.database.transaction(async (tx) => {
      const copies = await tx.query<{ id: string }>(
        `SELECT id FROM archived_tasks
         WHERE NOT removed AND archived_at < now() - ${REMOVED_AFTER_SECONDS} * interval '1 second'
         ORDER BY archived_at LIMIT $1 FOR UPDATE SKIP LOCKED`,
        [limit],
      );
      const ids = copies.map(({ id }) => id);
      if (ids.length === 0) return { removed: 0, kept: 0 };
      // Who stores a task that waits for one of them holds it with FOR SHARE: it is seen by the statement after this one.
      await tx.query('SELECT 1 FROM tasks WHERE id = ANY($1) ORDER BY id FOR UPDATE', [ids]);
      const free = await tx.query<{ id: string }>(`SELECT t.id FROM tasks t WHERE id = ANY($1) AND ${NOT_NEEDED}`, [
        ids,
      ]);
      const going = free.map(({ id }) => id);
      await tx.query('DELETE FROM task_dependencies WHERE task_id = ANY($1) OR depends_on = ANY($1)', [going]);
      await tx.query('DELETE FROM sessions WHERE task_id = ANY($1)', [going]);
      await tx.query('DELETE FROM tasks WHERE id = ANY($1)', [going]);
      await tx.query('UPDATE archived_tasks SET removed = true WHERE id = ANY($1)', [going]);
      await tx.query('DELETE FROM archived_tasks WHERE id = ANY($1) AND NOT removed', [ids]);
      return { removed: going.length, kept: ids.length - going.length };
    });
  }

  /** From the first copy on, whoever stores a task looks into the archive. Waits for those that are storing one. */
  private async arm(): Promise<void> {
    if (this.armed) return;
    const [archive] = await this.database.query<{ used: boolean; armed: boolean }>(
      `SELECT EXISTS (SELECT 1 FROM archived_tasks) AS used, tgenabled <> 'D' AS armed
       FROM pg_trigger WHERE tgrelid = 'tasks'::regclass AND tgname = 'find_archived_task'`,
    );
    if (!archive?.used) return;
    if (!archive.armed) {
      await this.database.transaction(async (tx) => {
        // Others wait behind this lock while it waits itself.
        await tx.query(`SET LOCAL lock_timeout = '2s'`);
        await tx.query('ALTER TABLE tasks ENABLE TRIGGER find_archived_task');
      });
    }
    this.armed = true;
  }

  /** Removed tasks of which the runners may still have something. */
  async toForget(limit: number): Promise<string[]> {
    const rows = await this.database.query<{ id: string }>(
      'SELECT id FROM archived_tasks WHERE removed AND NOT forgotten ORDER BY archived_at LIMIT $1',
      [limit],
    );
    return rows.map(({ id }) => id);
  }

  async forgotten(ids: string[], keep: boolean): Promise<void> {
    await this.database.query(
      keep
        ? 'UPDATE archived_tasks SET forgotten = true WHERE id = ANY($1) AND removed'
        : 'DELETE FROM archived_tasks WHERE id = ANY($1) AND removed',
      [ids],
    );
  }
}
