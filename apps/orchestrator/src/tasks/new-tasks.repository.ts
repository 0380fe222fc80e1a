import { Injectable } from '@nestjs/common';
import type { TaskState } from '@purser/contracts';
import { type OutboxEntry, type Sql, tellTogether } from '@purser/database';
import type { NewTask } from './submission.js';
import { SUMMARY_COLUMNS, type TaskRow } from './task.row.js';

/** A task that new ones wait for or are a part of. */
export interface Reference {
  id: string;
  state: TaskState;
  cancel_requested: boolean;
  ancestors: string[];
  children: number;
  priority: number;
  project: string | null;
  /** The least of its own budget and those of its ancestors. */
  narrowest: bigint | null;
  /** The watchdog has its own budget and those of its ancestors, as far as they have any. */
  budgets_ready: boolean;
}

export interface TaskToInsert {
  task: NewTask;
  state: 'ready' | 'blocked';
  created: OutboxEntry;
}

export interface InsertedRow {
  id: string;
  seq: bigint;
  created_at: Date;
}

/** Another parameter of the statement for each, a value per task. */
const COLUMNS: readonly [name: string, type: string, value: (one: TaskToInsert) => unknown][] = [
  ['id', 'text', ({ task }) => task.id],
  ['executor', 'text', ({ task }) => task.spec.executor],
  ['input', 'text', ({ task }) => task.input],
  ['input_bytes', 'integer', ({ task }) => task.inputBytes],
  ['priority', 'smallint', ({ task }) => task.spec.priority],
  // Arrays within an array would all have to be of one length.
  ['depends_on', 'text', ({ task }) => arrayText(task.spec.dependsOn)],
  ['labels', 'text', ({ task }) => arrayText(task.spec.labels)],
  ['project', 'text', ({ task }) => task.spec.project ?? null],
  ['limits', 'text', ({ task }) => JSON.stringify(task.spec.limits)],
  ['budget_nano', 'bigint', ({ task }) => task.budgetNano?.toString() ?? null],
  ['budget_ready', 'boolean', ({ task }) => task.budgetReady],
  ['max_sessions', 'integer', ({ task }) => task.spec.maxSessions],
  ['retries', 'integer', ({ task }) => task.spec.retries],
  ['not_before', 'double precision', ({ task }) => task.notBefore],
  ['deadline', 'double precision', ({ task }) => task.deadline],
  ['state', 'text', ({ state }) => state],
  ['parent_id', 'text', ({ task }) => task.spec.parent ?? null],
  ['ancestors', 'text', ({ task }) => arrayText(task.ancestors)],
  ['on_dependency_failure', 'text', ({ task }) => task.spec.onDependencyFailure],
  ['paid_only', 'boolean', ({ task }) => task.spec.paidOnly],
  ['more', 'text', ({ task }) => JSON.stringify(task.more)],
  ['event', 'text', ({ created }) => created.event],
];

/** Ids and labels hold nothing that would have to be escaped. */
const arrayText = (values: readonly string[]): string => `{${values.map((value) => `"${value}"`).join(',')}}`;

const GIVEN = `unnest(${COLUMNS.map(([, type], at) => `$${at + 1}::${type}[]`).join(', ')})
  WITH ORDINALITY AS given (${COLUMNS.map(([name]) => name).join(', ')}, place)`;
const instant = (milliseconds: string): string => `to_timestamp(${milliseconds} / 1000)`;

/**
 * Any number of tasks, what they wait for and the facts of them, in one statement: of the time that one task takes, most
 * is the round trip and the commit. Those whose id is taken already are left out. The facts are those of the ids that
 * were stored, and not joined with them: without hash joins, see the module's settings, that compared every task with
 * every other one, which was half of what five hundred cost.
 */
const INSERT = `
  WITH given AS MATERIALIZED (SELECT * FROM ${GIVEN}), stored AS (
    INSERT INTO tasks (id, executor, input, input_bytes, priority, depends_on, labels, project, limits, budget_nano,
      max_sessions, retries, not_before, deadline, state, budget_ready, available_at, parent_id, ancestors,
      on_dependency_failure, paid_only, more)
    SELECT id, executor, input::json, input_bytes, priority, depends_on::text[], labels::text[], project, limits::json,
      budget_nano, max_sessions, retries, ${instant('not_before')}, ${instant('deadline')}, state, budget_ready,
      coalesce(${instant('not_before')}, '-infinity'), parent_id, ancestors::text[], on_dependency_failure, paid_only,
      more::json
    FROM given ORDER BY place
    ON CONFLICT (id) DO NOTHING
    RETURNING id, seq, created_at, depends_on
  ), edges AS (
    INSERT INTO task_dependencies (task_id, depends_on) SELECT DISTINCT id, unnest(depends_on) FROM stored
  ), told AS (${tellTogether('given WHERE (id IN (SELECT id FROM stored)) IS TRUE', 'place')}
  )
  SELECT id, seq, created_at FROM stored`;

/** Puts new tasks in. */
@Injectable()
export class NewTasksRepository {
  /**
   * The tasks that new ones name. Locked against change until those are stored, so that none of them can finish unseen
   * in between; in id order, so that two submissions cannot deadlock.
   */
  async lock(tx: Sql, ids: readonly string[], mostChildren: number): Promise<Reference[]> {
    const found = await this.lockThere(tx, ids, mostChildren);
    const missing = found.length < new Set(ids).size;
    return missing && (await this.restore(tx, ids)) ? this.lockThere(tx, ids, mostChildren) : found;
  }

  /** What was archived is needed again. False when nothing of it was. */
  private async restore(sql: Sql, ids: readonly string[]): Promise<boolean> {
    const archived = 'SELECT restore_task(id) FROM archived_tasks WHERE id = ANY($1) AND removed ORDER BY id';
    return (await sql.query(archived, [ids])).length > 0;
  }

  private lockThere(tx: Sql, ids: readonly string[], mostChildren: number): Promise<Reference[]> {
    return tx.query(
      `SELECT id, state, cancel_requested, ancestors, priority, project,
         (SELECT min(a.budget_nano) FROM tasks a WHERE a.id = ANY(t.id || t.ancestors)) AS narrowest,
         (SELECT bool_and(a.budget_ready) FROM tasks a WHERE a.id = ANY(t.id || t.ancestors)) AS budgets_ready,
         (SELECT count(*)::integer FROM (SELECT FROM tasks c WHERE c.parent_id = t.id LIMIT $2) AS counted) AS children
       FROM tasks t WHERE id = ANY($1) ORDER BY id FOR SHARE OF t`,
      [ids, mostChildren],
    );
  }

  /** Each id at most once. */
  insert(sql: Sql, tasks: readonly TaskToInsert[]): Promise<InsertedRow[]> {
    return sql.query(
      INSERT,
      COLUMNS.map(([, , value]) => tasks.map(value)),
      'new tasks',
    );
  }

  /** What is stored under these ids; the input only where it can be the same, so that it is not much. */
  async stored(sql: Sql, tasks: readonly NewTask[]): Promise<TaskRow[]> {
    await this.restore(
      sql,
      tasks.map(({ id }) => id),
    );
    return sql.query(
      `SELECT ${SUMMARY_COLUMNS}, NULL AS result,
         CASE WHEN (id, input_bytes) IN (SELECT * FROM unnest($1::text[], $2::integer[])) THEN input END AS input
       FROM tasks WHERE id = ANY($1)`,
      [tasks.map(({ id }) => id), tasks.map(({ inputBytes }) => inputBytes)],
    );
  }
}
