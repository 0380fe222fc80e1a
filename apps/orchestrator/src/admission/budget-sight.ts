import { Injectable } from '@nestjs/common';
import { Bus } from '@purser/bus';
import { budgetsList, ledgerSum, TASK_BUDGET_PREFIX } from '@purser/contracts';
import { maxNano, type Nano, parseUsd } from '@purser/money';
import { Predictions } from '../worth/predictions.service.js';
import type { CandidateRow } from './admission.repository.js';
import { type Purse, purseOf } from './purse.js';

const CALL_TIMEOUT_MS = 3_000;
const IDS_AT_ONCE = 1_000;
/** Budgets of tasks that nobody spent from for an hour are asked for one by one. */
const MOST_QUIET = 50;

/** What budgets have, and what tasks will still take of them. */
@Injectable()
export class BudgetSight {
  constructor(
    private readonly bus: Bus,
    private readonly predictions: Predictions,
  ) {}

  get reachable(): boolean {
    return this.bus.connected;
  }

  /** Rejects while the watchdog is away. */
  async purses(rows: readonly CandidateRow[]): Promise<Purse[]> {
    const options = { timeoutMs: CALL_TIMEOUT_MS };
    const { budgets } = await this.bus.call(budgetsList, {}, options);
    const known = new Set(budgets.map(({ id }) => id));
    const quiet = rows.filter(({ budget_refusal }) =>
      budget_refusal?.budgets.some((id) => id.startsWith(TASK_BUDGET_PREFIX) && !known.has(id)),
    );
    for (const { id: task } of quiet.slice(0, MOST_QUIET))
      budgets.push(...(await this.bus.call(budgetsList, { task }, options)).budgets);
    return budgets.map(purseOf);
  }

  /** Predicted, less what is spent already. A task of which nothing is known is expected to cost nothing. */
  async expected(rows: readonly CandidateRow[]): Promise<(id: string) => Nano> {
    const whole = new Map<string, Nano>();
    for (const row of rows) {
      const { usd } = await this.predictions.of({ ...row, estimates: row.more.estimates });
      if (usd) whole.set(row.id, parseUsd(usd.median));
    }
    const begun = rows.filter(({ id, epoch }) => epoch > 0 && whole.has(id)).map(({ id }) => id);
    for (let from = 0; from < begun.length; from += IDS_AT_ONCE) {
      const ids = begun.slice(from, from + IDS_AT_ONCE);
      const { sums } = await this.bus.call(ledgerSum, { by: 'task', ids }, { timeoutMs: CALL_TIMEOUT_MS });
      for (const { id, amountUsd } of sums) whole.set(id, maxNano(0n, (whole.get(id) ?? 0n) - parseUsd(amountUsd)));
    }
    return (id) => whole.get(id) ?? 0n;
  }
}
