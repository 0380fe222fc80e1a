import { Injectable } from '@nestjs/common';
import type { Budget } from '@purser/contracts';
import type { Sql } from '@purser/database';
import { Clock } from '@purser/service';
import type { Touched } from '../windows/window-changes.js';
import { WindowsRepository } from '../windows/windows.repository.js';
import { type BudgetRow, definitionOf, fingerprint, rangeOf, shapeOf } from './budget-row.js';
import { BudgetsRepository } from './budgets.repository.js';
import { checkMayBeRemoved, checkReserve, checkTaskScope } from './task-scope.js';

export interface Change {
  by: string;
  reason: string;
  origin: 'config' | 'set';
  /** What the file now says of this budget; left out when the change comes from elsewhere. */
  fileContent?: Budget;
}

export interface Removal {
  by: string;
  reason: string;
  /** A person may not remove the limit that a task was given. */
  byPerson: boolean;
}

/** Changes of definitions, within a transaction of the caller that holds the lock for shaping. */
@Injectable()
export class DefinitionsService {
  constructor(
    private readonly budgets: BudgetsRepository,
    private readonly windows: WindowsRepository,
    private readonly clock: Clock,
  ) {}

  lock(tx: Sql): Promise<void> {
    return this.windows.lockShaping(tx);
  }

  /** False when the budget is so already. What is spent in its window is counted from the ledger, and counts. */
  async define(tx: Sql, touched: Touched, budget: Budget, change: Change): Promise<boolean> {
    const now = this.clock.now();
    const before = await this.budgets.find(tx, budget.id);
    const alive = before !== undefined && before.deleted_at === null;
    checkReserve(budget);
    if (change.origin === 'set') checkTaskScope(budget, alive ? before : undefined);
    if (alive && fingerprint(definitionOf(before)) === fingerprint(budget)) return false;
    const sameShape = alive && shapeOf(definitionOf(before)) === shapeOf(budget);
    const shape = before === undefined ? 1 : sameShape ? before.shape : before.shape + 1;
    const { origin, fileContent = before?.file_content ?? null } = change;
    const row = await this.budgets.save(tx, budget, { origin, fileContent, shape }, now);
    const windowIds = sameShape
      ? await this.windows.setLimit(tx, row, now)
      : [await this.shapeWindow(tx, touched, row, before, now)];
    touched.add(...windowIds);
    if (sameShape) touched.recall(...windowIds);
    if (row.scope_task === null || (alive && before.scope_task === null)) touched.general = true;
    await this.budgets.recordChange(
      tx,
      {
        budgetId: budget.id,
        by: change.by,
        reason: change.reason,
        before: alive ? definitionOf(before) : null,
        after: definitionOf(row),
      },
      now,
    );
    await this.finish(tx, touched);
    return true;
  }

  /** The window that was current takes the new shape, so that what gateways hold of it still counts. */
  private async shapeWindow(
    tx: Sql,
    touched: Touched,
    budget: BudgetRow,
    before: BudgetRow | undefined,
    now: Date,
  ): Promise<bigint | undefined> {
    const range = rangeOf(budget, now);
    const current = before && (await this.windows.current(tx, budget.id, before.shape, now));
    if (current === undefined) return this.windows.open(tx, budget, range, now);
    await this.windows.reshape(tx, current, budget, range, now);
    touched.recall(current);
    return current;
  }

  /** False when there is no such budget. */
  async remove(tx: Sql, touched: Touched, id: string, { by, reason, byPerson }: Removal): Promise<boolean> {
    const now = this.clock.now();
    const row = await this.budgets.find(tx, id);
    if (!row || row.deleted_at !== null) return false;
    if (byPerson) checkMayBeRemoved(row);
    touched.recall(await this.windows.current(tx, id, row.shape, now));
    if (row.scope_task === null) touched.general = true;
    await this.budgets.markDeleted(tx, id, now);
    await this.budgets.recordChange(tx, { budgetId: id, by, reason, before: definitionOf(row), after: null }, now);
    await this.finish(tx, touched);
    return true;
  }

  private async finish(tx: Sql, touched: Touched): Promise<void> {
    touched.definitions = true;
    if (touched.general) await this.budgets.raiseRevision(tx);
  }
}
