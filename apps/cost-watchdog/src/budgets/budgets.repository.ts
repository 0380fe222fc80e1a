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

/** A task's budget leaves lists an hour after its task was last active, or they would hold every task that ever was. */
const QUIET_TASK = '1 hour';

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
    const { scope, period, thresholds } = budget;
    const [row] = await tx.query<BudgetRow>(
      `INSERT INTO budgets AS b (id, scope_provider, scope_project, scope_key, scope_task, period, hours, timezone,
         limit_nano, warning, critical, cutoff, on_exhausted, origin, file_content, shape, created_at, updated_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $17)
       ON CONFLICT (id) DO UPDATE SET
         scope_provider = excluded.scope_provider, scope_project = excluded.scope_project,
         scope_key = excluded.scope_key, scope_task = excluded.scope_task, period = excluded.period,
         hours = excluded.hours, timezone = excluded.timezone, limit_nano = excluded.limit_nano,
         warning = excluded.warning, critical = excluded.critical, cutoff = excluded.cutoff,
         on_exhausted = excluded.on_exhausted, origin = excluded.origin, file_content = excluded.file_content,
         shape = excluded.shape, updated_at = excluded.updated_at, deleted_at = NULL
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

  /** Last in its transaction: its row lock orders all changes of definitions and windows. */
  async raiseRevision(tx: Sql): Promise<void> {
    await tx.query('UPDATE budgets_revision SET value = value + 1');
  }

  async revision(sql: Sql): Promise<number> {
    const [row] = await sql.query<{ value: bigint }>('SELECT value FROM budgets_revision');
    return Number(row?.value ?? 0n);
  }

  /** Live budgets with their current window: those that gateways must know, or those of one task, or one. */
  statuses(sql: Sql, now: Date, only: { task?: string; id?: string } = {}): Promise<StatusRow[]> {
    const [condition, value] =
      only.task !== undefined
        ? ['b.scope_task = $2', only.task]
        : only.id !== undefined
          ? ['b.id = $2', only.id]
          : [
              `(b.scope_task IS NULL OR w.leased_nano > 0 OR w.touched_at > $1::timestamptz - $2::interval)`,
              QUIET_TASK,
            ];
    return sql.query<StatusRow>(
      `SELECT b.*, w.id AS window_id, w.starts_at, w.ends_at, w.settled_nano, w.leased_nano, w.level,
              (SELECT coalesce(sum(l.granted_nano - l.returned_nano - l.consumed_nano), 0)::bigint
                 FROM leases l WHERE l.window_id = w.id AND l.presumed) AS presumed_nano
         FROM budgets b
         JOIN windows w ON w.budget_id = b.id AND w.shape = b.shape AND w.starts_at <= $1
                       AND (w.ends_at IS NULL OR w.ends_at > $1)
        WHERE b.deleted_at IS NULL AND ${condition}
        ORDER BY b.id`,
      [now, value],
    );
  }
}
