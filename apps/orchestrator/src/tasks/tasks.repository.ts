import { Injectable } from '@nestjs/common';
import type { Task, TaskState } from '@purser/contracts';
import { Database, type Sql } from '@purser/database';
import { type ChildRow, type SessionRow, SUMMARY_COLUMNS, type TaskRow, type TaskSummaryRow } from './task.row.js';

/** A task that a long history made longer than this shows its last sessions. */
const SESSIONS_SHOWN = 500;
const CHILDREN_SHOWN = 100;

/** Of these tasks' dependents; of all, when none are given. */
const ofDependents = `AND ($1::text[] IS NULL OR t.id IN (SELECT task_id FROM task_dependencies WHERE depends_on = ANY($1)))`;

const ABOVE_ARE_SET = `NOT EXISTS (SELECT 1 FROM tasks a WHERE a.id = ANY(t.ancestors) AND NOT a.budget_ready)`;

export interface TaskFilter {
  state: TaskState | undefined;
  label: string | undefined;
  parent?: string | undefined;
  beforeSeq: string | undefined;
  limit: number;
}

@Injectable()
export class TasksRepository {
  constructor(private readonly database: Database) {}

  async find(id: string, sql: Sql = this.database): Promise<TaskRow | undefined> {
    const [row] = await sql.query<TaskRow>(`SELECT ${SUMMARY_COLUMNS}, input, result FROM tasks WHERE id = $1`, [id]);
    if (row) return row;
    const [archived] = await sql.query<TaskRow>(`SELECT ${SUMMARY_COLUMNS}, input, result FROM archived_task($1)`, [
      id,
    ]);
    return archived;
  }

  async sessionsOf(id: string): Promise<SessionRow[]> {
    const rows = await this.database.query<SessionRow>(
      `SELECT id, epoch, runner, started_at, ended_at, outcome, reason FROM sessions
       WHERE task_id = $1 ORDER BY epoch DESC LIMIT ${SESSIONS_SHOWN}`,
      [id],
    );
    if (rows.length > 0) return rows.reverse();
    return this.database.query<SessionRow>(
      `SELECT s.id, s.epoch, s.runner, s.started_at, s.ended_at, s.outcome, s.reason
       FROM archived_tasks a, json_populate_recordset(NULL::sessions, a.sessions) AS s WHERE a.id = $1 ORDER BY s.epoch`,
      [id],
    );
  }

  childrenOf(id: string): Promise<ChildRow[]> {
    return this.database.query(
      `SELECT id, state FROM tasks WHERE parent_id = $1 ORDER BY seq LIMIT ${CHILDREN_SHOWN}`,
      [id],
    );
  }

  /** Keyset by seq, newest first. */
  list({ state, label, parent, beforeSeq, limit }: TaskFilter): Promise<TaskSummaryRow[]> {
    return this.database.query(
      `SELECT ${SUMMARY_COLUMNS} FROM tasks
       WHERE ($1::text IS NULL OR state = $1) AND ($2::text IS NULL OR labels @> ARRAY[$2])
         AND ($3::bigint IS NULL OR seq < $3) AND ($5::text IS NULL OR parent_id = $5)
       ORDER BY seq DESC LIMIT $4`,
      [state ?? null, label ?? null, beforeSeq ?? null, limit, parent ?? null],
    );
  }

  /** Of the given blocked tasks, what each still waits for. */
  unfinishedDependencies(ids: string[]): Promise<{ id: string; waits_for: string[] }[]> {
    return this.database.query(
      `SELECT d.task_id AS id, array_agg(d.depends_on ORDER BY d.depends_on) AS waits_for
       FROM task_dependencies d JOIN tasks p ON p.id = d.depends_on
       WHERE d.task_id = ANY($1) AND p.finished_at IS NULL GROUP BY d.task_id`,
      [ids],
    );
  }

  /** A running task is only asked to end; any other that is not over is cancelled at once. Those that are over are left out. */
  cancel(tx: Sql, ids: readonly string[]): Promise<{ id: string; state: TaskState; epoch: number }[]> {
    return tx.query(
      `UPDATE tasks SET
         state = CASE WHEN state = 'running' THEN state ELSE 'cancelled' END,
         cancel_requested = (state = 'running'),
         finished_at = CASE WHEN state <> 'running' THEN now() END,
         paused_reason = NULL, updated_at = now()
       WHERE id = ANY($1) AND finished_at IS NULL
       RETURNING id, state, epoch`,
      [ids],
    );
  }

  async idsOfParts(tx: Sql, ids: readonly string[]): Promise<string[]> {
    const rows = await tx.query<{ id: string }>('SELECT id FROM tasks WHERE parent_id = ANY($1) ORDER BY id', [ids]);
    return rows.map(({ id }) => id);
  }

  /** Tasks that waited beyond their deadline. A running one is ended by its heartbeat's verdict instead. */
  failOverdue(tx: Sql, limit: number): Promise<{ id: string; epoch: number; error: NonNullable<Task['error']> }[]> {
    return tx.query(
      `UPDATE tasks t SET state = 'failed', finished_at = now(), updated_at = now(), paused_reason = NULL,
         error = json_build_object('code', 'deadline', 'message',
           'the deadline passed while the task was ' || t.state || ', at ' || to_char(deadline AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))
       FROM (SELECT id FROM tasks WHERE deadline <= now() AND state IN ('blocked', 'ready', 'paused')
             ORDER BY deadline LIMIT $1 FOR UPDATE SKIP LOCKED) AS due
       WHERE t.id = due.id
       RETURNING t.id, t.epoch, t.error`,
      [limit],
    );
  }

  /** Blocked tasks (of the given ones' dependents, or all) that have nothing left to wait for. */
  unblock(tx: Sql, finished: string[] | undefined): Promise<{ id: string }[]> {
    return tx.query(
      `UPDATE tasks t SET state = 'ready', updated_at = now()
       WHERE state = 'blocked' ${ofDependents}
         AND NOT EXISTS (SELECT 1 FROM task_dependencies d JOIN tasks p ON p.id = d.depends_on
                         WHERE d.task_id = t.id AND p.state <> 'completed'
                           AND (p.finished_at IS NULL OR t.on_dependency_failure <> 'ignore'))
       RETURNING t.id`,
      [finished ?? null],
    );
  }

  /** Blocked tasks that wait for one which will never be completed: failed, or cancelled where they are to be skipped then. */
  giveUpDependents(
    tx: Sql,
    finished: string[] | undefined,
  ): Promise<{ id: string; epoch: number; state: TaskState; error: NonNullable<Task['error']> }[]> {
    return tx.query(
      `UPDATE tasks t SET state = CASE on_dependency_failure WHEN 'skip' THEN 'cancelled' ELSE 'failed' END,
         finished_at = now(), updated_at = now(),
         error = json_build_object(
           'code', CASE on_dependency_failure WHEN 'skip' THEN 'skipped' ELSE 'dependency_failed' END,
           'message', (SELECT 'it depends on "' || p.id || '", which is ' || p.state
                       FROM task_dependencies d JOIN tasks p ON p.id = d.depends_on
                       WHERE d.task_id = t.id AND p.state IN ('failed', 'cancelled') ORDER BY p.seq LIMIT 1))
       WHERE state = 'blocked' AND on_dependency_failure <> 'ignore' ${ofDependents}
         AND EXISTS (SELECT 1 FROM task_dependencies d JOIN tasks p ON p.id = d.depends_on
                     WHERE d.task_id = t.id AND p.state IN ('failed', 'cancelled'))
       RETURNING t.id, t.epoch, t.state, t.error`,
      [finished ?? null],
    );
  }

  /** Tasks that wait for their own budget: oldest first, beginning after the one at `afterSeq` and going round. */
  withoutBudget(limit: number, afterSeq = 0n): Promise<{ id: string; seq: bigint; budget_nano: bigint }[]> {
    return this.database.query(
      `SELECT id, seq, budget_nano FROM tasks WHERE NOT budget_ready AND budget_nano IS NOT NULL AND finished_at IS NULL
       ORDER BY seq <= $2, seq LIMIT $1`,
      [limit, afterSeq],
    );
  }

  /** False while a task above waits for its own. */
  async budgetIsSet(id: string): Promise<boolean> {
    const rows = await this.database.query(
      `UPDATE tasks t SET budget_ready = true, lane = '', updated_at = now()
       WHERE id = $1 AND NOT budget_ready AND ${ABOVE_ARE_SET} RETURNING id`,
      [id],
    );
    return rows.length > 0;
  }

  /** Parts that wait for the budget of a task above them that is over and will never have it. */
  async budgetAboveNeverCame(limit: number): Promise<string[]> {
    const rows = await this.database.query<{ id: string }>(
      `SELECT id FROM tasks t WHERE NOT budget_ready AND finished_at IS NULL AND state <> 'running' AND EXISTS (
         SELECT 1 FROM tasks a WHERE a.id = ANY(t.ancestors) AND NOT a.budget_ready AND a.finished_at IS NOT NULL)
       ORDER BY seq LIMIT $1`,
      [limit],
    );
    return rows.map(({ id }) => id);
  }

  /** Lets go the parts without a budget of their own whose ancestors all have theirs set; says whether there were any. */
  async budgetsAboveAreSet(): Promise<boolean> {
    const rows = await this.database.query(
      `UPDATE tasks t SET budget_ready = true, lane = '', updated_at = now()
       WHERE NOT budget_ready AND finished_at IS NULL AND budget_nano IS NULL
         AND ${ABOVE_ARE_SET}
       RETURNING id`,
    );
    return rows.length > 0;
  }

  /** Tasks that ended long enough ago for no call of theirs to be under way, and whose budget is still there. */
  async withOldBudget(limit: number): Promise<string[]> {
    const rows = await this.database.query<{ id: string }>(
      `SELECT id FROM tasks WHERE finished_at < now() - interval '1 hour' AND budget_nano IS NOT NULL AND NOT budget_deleted
         AND NOT EXISTS (SELECT 1 FROM tasks part WHERE part.ancestors @> ARRAY[tasks.id] AND part.finished_at IS NULL
                         AND part.parent_id IS NOT NULL)
       ORDER BY finished_at LIMIT $1`,
      [limit],
    );
    return rows.map(({ id }) => id);
  }

  async budgetIsDeleted(id: string): Promise<void> {
    await this.database.query('UPDATE tasks SET budget_deleted = true WHERE id = $1', [id]);
  }

  /** For a task that can never start. */
  async failWaiting(tx: Sql, id: string, error: NonNullable<Task['error']>): Promise<{ epoch: number } | undefined> {
    const [row] = await tx.query<{ epoch: number }>(
      `UPDATE tasks SET state = 'failed', finished_at = now(), updated_at = now(), paused_reason = NULL, error = $2::json
       WHERE id = $1 AND state IN ('blocked', 'ready', 'paused') RETURNING epoch`,
      [id, JSON.stringify(error)],
    );
    return row;
  }

  /** How many tasks are in each state that is not an end; from partial indexes, whatever the length of the history. */
  countsOfUnfinished(): Promise<{ state: TaskState; count: bigint }[]> {
    return this.database.query(
      `SELECT state, count(*) AS count FROM tasks WHERE state IN ('blocked', 'ready', 'running', 'paused') GROUP BY state`,
    );
  }
}
