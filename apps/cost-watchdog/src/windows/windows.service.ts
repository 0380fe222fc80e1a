import { Injectable } from '@nestjs/common';
import { Database, type Sql } from '@purser/database';
import { Clock } from '@purser/service';
import { type BudgetRow, rangeOf } from '../budgets/budget-row.js';
import { BudgetsRepository } from '../budgets/budgets.repository.js';
import { Touched, WindowChanges } from './window-changes.js';
import { WindowsRepository } from './windows.repository.js';

/** Within a minute every so-manieth look asks the database. */
const LOOK_ANYWAY = 90;

/** Rolls windows over: exactly once with any number of watchdogs, by a lock and a unique key. */
@Injectable()
export class WindowsService {
  private rolledAt: number | undefined;
  private looks = 0;

  constructor(
    private readonly database: Database,
    private readonly changes: WindowChanges,
    private readonly windows: WindowsRepository,
    private readonly budgets: BudgetsRepository,
    private readonly clock: Clock,
  ) {}

  /** Once a second. Windows begin and end on whole minutes; in between, only now and then for what nobody expects. */
  async rollWhenDue(): Promise<void> {
    const minute = Math.floor(this.clock.now().getTime() / 60_000);
    if (minute === this.rolledAt && ++this.looks % LOOK_ANYWAY !== 0) return;
    await this.roll();
    this.rolledAt = minute;
  }

  /** Makes sure that every budget's current window exists. Cheap when nothing is due. */
  async roll(): Promise<void> {
    const now = this.clock.now();
    if ((await this.windows.behind(this.database, now)).length === 0) return;
    await this.changes.commit(async (tx, touched) => {
      await this.windows.lockShaping(tx);
      for (const budget of await this.windows.behind(tx, now)) await this.openOrMove(tx, touched, budget, now);
      await this.settleRevision(tx, touched);
    });
  }

  /** Opens the windows that hold these moments; for spend that comes in after its window's end, or before the sweep. */
  async openAt(moments: readonly { budgetId: string; at: Date }[]): Promise<void> {
    await this.changes.commit(async (tx, touched) => {
      await this.windows.lockShaping(tx);
      for (const { budgetId, at } of moments) {
        const budget = await this.budgets.find(tx, budgetId);
        if (budget && budget.deleted_at === null) await this.openOrMove(tx, touched, budget, at);
      }
      await this.settleRevision(tx, touched);
    });
  }

  /** Within a transaction that holds the lock for shaping. */
  async openOrMove(tx: Sql, touched: Touched, budget: BudgetRow, at: Date): Promise<void> {
    const range = rangeOf(budget, at);
    if (budget.scope_task === null) touched.general = true;
    const rolling = budget.period === 'hours';
    const existing = rolling ? await this.windows.current(tx, budget.id, budget.shape, at) : undefined;
    if (existing === undefined) touched.add(await this.windows.open(tx, budget, range, this.clock.now()));
    else {
      await this.windows.reshape(tx, existing, budget, range, this.clock.now());
      touched.add(existing);
    }
  }

  private async settleRevision(tx: Sql, touched: Touched): Promise<void> {
    if (touched.windows.size === 0) return;
    touched.definitions = true;
    if (touched.general) await this.budgets.raiseRevision(tx);
  }
}
