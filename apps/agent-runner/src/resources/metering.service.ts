import { Injectable } from '@nestjs/common';
import { Bus } from '@purser/bus';
import { budgetsList, type BudgetStatus, ledgerSum, taskBudgetId } from '@purser/contracts';
import { Clock, Log } from '@purser/service';
import type { Session } from '../sessions/session.js';
import type { Dollars } from './session-meter.js';

const CALL_MS = 900;
/** How often a task's budget is looked at, and how often it is looked for where there was none. */
const BUDGET_MS = 2_000;
const NO_BUDGET_MS = 30_000;

/** What sessions use, as the gateway metered it and the ledger has it. While that is away the last figures stand. */
@Injectable()
export class Metering {
  private readonly lookAgainAt = new WeakMap<Session, number>();

  constructor(
    private readonly bus: Bus,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  /** Tokens and requests. */
  async tokens(sessions: readonly Session[]): Promise<void> {
    try {
      const ids = sessions.map((session) => session.id);
      const { sums } = await this.bus.call(ledgerSum, { by: 'session', ids }, { timeoutMs: CALL_MS });
      const byId = new Map(sums.map((sum) => [sum.id, sum]));
      for (const { id, meter } of sessions) {
        const sum = byId.get(id);
        if (sum) meter.usage = { ...meter.usage, tokens: sum.inputTokens + sum.outputTokens, requests: sum.requests };
      }
    } catch (error) {
      this.log.debug({ error }, 'the ledger cannot be read; the tokens of the sessions are those of the last time');
    }
  }

  /** Dollars that are left of the tasks' own budgets. */
  async dollars(sessions: readonly Session[]): Promise<void> {
    const now = this.clock.monotonic();
    const due = sessions.filter((session) => (this.lookAgainAt.get(session) ?? 0) <= now);
    await Promise.all(due.map((session) => this.lookAtBudget(session, now)));
  }

  private async lookAtBudget(session: Session, now: number): Promise<void> {
    const { taskId } = session.assignment;
    try {
      const { budgets } = await this.bus.call(budgetsList, { task: taskId }, { timeoutMs: CALL_MS });
      const budget = budgets.find(({ id }) => id === taskBudgetId(taskId));
      session.meter.spend(budget && dollarsOf(budget));
      this.lookAgainAt.set(session, now + (budget ? BUDGET_MS : NO_BUDGET_MS));
    } catch (error) {
      this.log.debug({ error, taskId }, "a task's budget cannot be read; what is left of it is as the last time");
    }
  }
}

/** What gateways hold counts as left: it is for this task's own calls. */
function dollarsOf({ limitUsd, thresholds, window }: BudgetStatus): Dollars {
  const limit = Number(limitUsd) * thresholds.cutoff;
  return { limit, left: Math.max(0, limit - Number(window.settledUsd)) };
}
