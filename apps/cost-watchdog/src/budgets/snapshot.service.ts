import { Injectable } from '@nestjs/common';
import type {
  budgetsChanged,
  budgetsHistory,
  BudgetsSnapshot,
  BudgetStatus,
  ReplyOf,
  RequestOf,
} from '@purser/contracts';
import { Database } from '@purser/database';
import { Clock } from '@purser/service';
import { statusOf } from './budget-row.js';
import { BudgetsRepository, type Only } from './budgets.repository.js';

const MOST_NAMED = 1_000;

/** What gateways and other tools read: all budgets that matter now. */
@Injectable()
export class SnapshotService {
  constructor(
    private readonly database: Database,
    private readonly budgets: BudgetsRepository,
    private readonly clock: Clock,
  ) {}

  async read(only: Pick<Only, 'task' | 'only'> = {}): Promise<BudgetsSnapshot> {
    // The revisions first: figures may be newer than what they say, never older.
    const { revision, taskBudgetsRevision } = await this.budgets.revisions(this.database);
    const rows = await this.budgets.statuses(this.database, this.clock.now(), only);
    return { revision, taskBudgetsRevision, budgets: rows.map(statusOf) };
  }

  async changedSince(since: number): Promise<ReplyOf<typeof budgetsChanged>> {
    const { taskBudgetsRevision } = await this.budgets.revisions(this.database);
    const tasks = await this.budgets.tasksChangedSince(this.database, since, MOST_NAMED + 1);
    return { taskBudgetsRevision, tasks: tasks.length > MOST_NAMED ? null : tasks };
  }

  async history({ id, limit, before }: RequestOf<typeof budgetsHistory>): Promise<ReplyOf<typeof budgetsHistory>> {
    const from = before === undefined ? undefined : BigInt(before);
    const rows = await this.budgets.history(this.database, id, from, limit + 1);
    const shown = rows.slice(0, limit);
    return {
      changes: shown.map(({ seq, budget_id, by, reason, before: was, after, at }) => ({
        seq: seq.toString(),
        budgetId: budget_id,
        at: at.toISOString(),
        by,
        reason,
        before: was,
        after,
      })),
      next: rows.length > limit ? (shown.at(-1)?.seq.toString() ?? null) : null,
    };
  }

  async one(id: string): Promise<BudgetStatus | undefined> {
    const [row] = await this.budgets.statuses(this.database, this.clock.now(), { id });
    return row && statusOf(row);
  }
}
