import { Injectable } from '@nestjs/common';
import type { Budget } from '@purser/contracts';
import type { Sql } from '@purser/database';
import { parseUsd } from '@purser/money';
import type { BudgetRow, StatusRow } from './budget-row.js';

export interface SavedAs {
  origin: 'config' | 'set';
  fileContent: Budget | null;
  shape: number;
}

export interface BudgetChange {
  budgetId: string;
  by: string;
  reason: string;
  before: Budget | null;
  after: Budget | null;
}

export interface ChangeRow {
  seq: bigint;
  budget_id: string;
  by: string;
  reason: string;
  before: Budget | null;
  after: Budget | null;
  at: Date;
}

export interface Revisions {
  revision: number;
  taskBudgetsRevision: number;
  /** The number of the last release of a lost gateway's leases. */
  leaseReleases: number;
}

export interface Only {
  task?: string | undefined;
  id?: string;
  only?: 'general' | undefined;
}

/** A task's budget leaves lists an hour after its task was last active, or they would hold every task that ever was. */
const QUIET_TASK = '1 hour';

/** As the partial index has it. */
const CHANGES_OF_TASKS = `coalesce(before #>> '{scope,task}', after #>> '{scope,task}') IS NOT NULL`;

/** Of `budgets_revision`. */
export const REVISIONS = `value, coalesce((SELECT max(seq) FROM budget_changes WHERE ${CHANGES_OF_TASKS}), 0) AS of_tasks,
  coalesce((SELECT max(seq) FROM lease_releases), 0) AS releases`;

export interface RevisionRow {
  value: bigint;
  of_tasks: bigint;
  releases: bigint;
}

export const revisionsOf = (row: RevisionRow | undefined): Revisions => ({
  revision: Number(row?.value ?? 0n),
  taskBudgetsRevision: Number(row?.of_tasks ?? 0n),
  leaseReleases: Number(row?.releases ?? 0n),
});

/** The parameters begin with $2; $1 is the time. */
function conditionOf({ task, id, only }: Only): [string, ...string[]] {
  if (task !== undefined) return ['b.scope_task = $2', task];
  if (id !== undefined) return ['b.id = $2', id];
  if (only === 'general') return ['b.scope_task IS NULL'];
  return [`(b.scope_task IS NULL OR w.leased_nano > 0 OR w.touched_at > $1::timestamptz - $2::interval)`, QUIET_TASK];
}

@Injectable()
export class BudgetsRepository {
  async find(sql: Sql, id: string): Promise<BudgetRow | undefined> {
    const [row] = await sql.query<BudgetRow>('SELECT * FROM budgets WHERE id = $1', [id]);
    return row;
  }

  fromFile(sql: Sql): Promise<BudgetRow[]> {
    return sql.query<BudgetRow>('SELECT * FROM budgets WHERE file_content IS NOT NULL ORDER BY id');
  }

  /** Writes the definition; a deleted budget is alive again. */
  async save(tx: Sql, budget: Budget, { origin, fileContent, shape }: SavedAs, now: Date): Promise<BudgetRow> {
    const { scope, period, thresholds, reserve } = budget;
    const [row] = await tx.query<BudgetRow>(
      `INSERT INTO budgets AS b (id, scope_provider, scope_project, scope_key, scope_task, period, hours, timezone,
         limit_nano, warning, critical, cutoff, on_exhausted, origin, file_content, shape, created_at, updated_at,
         week_start, reserve_share, reserve_nano, reserve_priority)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $17, $18, $19, $20, $21)
       ON CONFLICT (id) DO UPDATE SET
         scope_provider = excluded.scope_provider, scope_project = excluded.scope_project,
         scope_key = excluded.scope_key, scope_task = excluded.scope_task, period = excluded.period,
         hours = excluded.hours, timezone = excluded.timezone, limit_nano = excluded.limit_nano,
         warning = excluded.warning, critical = excluded.critical, cutoff = excluded.cutoff,
         on_exhausted = excluded.on_exhausted, origin = excluded.origin, file_content = excluded.file_content,
         shape = excluded.shape, week_start = excluded.week_start, updated_at = excluded.updated_at, deleted_at = NULL,
         reserve_share = excluded.reserve_share, reserve_nano = excluded.reserve_nano,
         reserve_priority = excluded.reserve_priority
       RETURNING *`,
      [
        budget.id,
        scope.provider ?? null,
        scope.project ?? null,
        scope.key ?? null,
        scope.task ?? null,
        typeof period === 'object' ? 'hours' : period,
        typeof period === 'object' ? period.hours : null,
        budget.timezone,
        parseUsd(budget.limitUsd),
        thresholds.warning,
        thresholds.critical,
        thresholds.cutoff,
        budget.onExhausted,
        origin,
        fileContent === null ? null : JSON.stringify(fileContent),
        shape,
        now,
        budget.weekStart ?? 'monday',
        reserve && 'share' in reserve ? reserve.share : null,
        reserve && 'amountUsd' in reserve ? parseUsd(reserve.amountUsd) : null,
        reserve?.minPriority ?? null,
      ],
    );
    if (!row) throw new Error(`budget ${budget.id} was not stored`);
    return row;
  }

  async setFileContent(tx: Sql, id: string, content: Budget | null): Promise<void> {
    await tx.query('UPDATE budgets SET file_content = $2, origin = $3 WHERE id = $1', [
      id,
      content === null ? null : JSON.stringify(content),
      content === null ? 'set' : 'config',
    ]);
  }

  async markDeleted(tx: Sql, id: string, now: Date): Promise<void> {
    await tx.query('UPDATE budgets SET deleted_at = $2, updated_at = $2 WHERE id = $1', [id, now]);
  }

  async recordChange(tx: Sql, change: BudgetChange, now: Date): Promise<void> {
    await tx.query(
      'INSERT INTO budget_changes (budget_id, by, reason, before, after, at) VALUES ($1, $2, $3, $4, $5, $6)',
      [
        change.budgetId,
        change.by,
        change.reason,
        change.before === null ? null : JSON.stringify(change.before),
        change.after === null ? null : JSON.stringify(change.after),
        now,
      ],
    );
  }

  /** Newest first. */
  history(sql: Sql, id: string, before: bigint | undefined, limit: number): Promise<ChangeRow[]> {
    return sql.query<ChangeRow>(
      'SELECT * FROM budget_changes WHERE budget_id = $1 AND ($2::bigint IS NULL OR seq < $2) ORDER BY seq DESC LIMIT $3',
      [id, before ?? null, limit],
    );
  }

  /** Last in its transaction: its row lock orders all changes of definitions and windows. */
  async raiseRevision(tx: Sql): Promise<void> {
    await tx.query('UPDATE budgets_revision SET value = value + 1');
  }

  /**
   * Changes are recorded one transaction after the other, under the lock for shaping, so their numbers commit in order;
   * releases of leases likewise.
   */
  async revisions(sql: Sql): Promise<Revisions> {
    const [row] = await sql.query<RevisionRow>(`SELECT ${REVISIONS} FROM budgets_revision`);
    return revisionsOf(row);
  }

  /** The tasks whose budgets changed after that revision, those that a budget was taken from too. */
  async tasksChangedSince(sql: Sql, since: number, limit: number): Promise<string[]> {
    const rows = await sql.query<{ task: string }>(
      `SELECT DISTINCT task
         FROM budget_changes c
        CROSS JOIN LATERAL unnest(ARRAY[c.before #>> '{scope,task}', c.after #>> '{scope,task}']) AS t(task)
        WHERE c.seq > $1 AND ${CHANGES_OF_TASKS} AND task IS NOT NULL LIMIT $2`,
      [since, limit],
    );
    return rows.map(({ task }) => task);
  }

  /** Live budgets with their current window: all but those of quiet tasks, or a part of them. */
  statuses(sql: Sql, now: Date, only: Only = {}): Promise<StatusRow[]> {
    const [condition, ...values] = conditionOf(only);
    return sql.query<StatusRow>(
      `SELECT b.*, w.id AS window_id, w.starts_at, w.ends_at, w.settled_nano, w.leased_nano, w.level,
              (SELECT coalesce(sum(l.outstanding_nano), 0)::bigint
                 FROM leases l WHERE l.window_id = w.id AND l.presumed) AS presumed_nano
         FROM budgets b
         JOIN windows w ON w.budget_id = b.id AND w.shape = b.shape AND w.starts_at <= $1
                       AND (w.ends_at IS NULL OR w.ends_at > $1)
        WHERE b.deleted_at IS NULL AND ${condition}
        ORDER BY b.id`,
      [now, ...values],
    );
  }
}
