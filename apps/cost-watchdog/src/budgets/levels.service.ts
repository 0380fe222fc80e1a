import { Injectable } from '@nestjs/common';
import { budgetFacts, type BudgetLevel, type BudgetStatus } from '@purser/contracts';
import type { Sql } from '@purser/database';
import { Clock, Outbox } from '@purser/service';
import { AlertsService, type LevelOf, type NewAlert } from '../alerts/alerts.service.js';
import { LatchRepository } from '../emergency/latch.repository.js';
import { type LevelChange, WindowsRepository } from '../windows/windows.repository.js';
import { statusOf } from './budget-row.js';
import { BudgetsRepository } from './budgets.repository.js';

/**
 * A level follows from what is settled or presumed spent, against the thresholds. What is merely held for calls
 * in flight does not count: it mostly comes back. Since holds are larger than costs, the last cents rarely go; so a
 * window whose level is critical is exhausted, too, from the first call that does not fit into it any more.
 */
@Injectable()
export class LevelsService {
  constructor(
    private readonly windows: WindowsRepository,
    private readonly budgets: BudgetsRepository,
    private readonly latch: LatchRepository,
    private readonly alerts: AlertsService,
    private readonly outbox: Outbox,
    private readonly clock: Clock,
  ) {}

  /** Within the transaction that changed the windows: publishes each change once. True when the latch was set by one. */
  async follow(tx: Sql, windowIds: readonly bigint[]): Promise<boolean> {
    const now = this.clock.now();
    await this.windows.lockRows(tx, windowIds);
    let shutdown = false;
    for (const change of await this.windows.changeLevels(tx, windowIds, now)) {
      const [row] = await this.budgets.statuses(tx, now, { id: change.budget_id });
      if (!row) continue;
      await this.announce(tx, change, statusOf(row));
      if (change.level === 'exhausted' && change.on_exhausted === 'shutdown') {
        shutdown = await this.setLatch(tx, statusOf(row), now);
      }
    }
    return shutdown;
  }

  private async announce(tx: Sql, { budget_id, previous, level }: LevelChange, status: BudgetStatus): Promise<void> {
    const { limitUsd, window } = status;
    await this.outbox.add(tx, budgetFacts[level], budget_id, {
      budgetId: budget_id,
      level,
      previous,
      limitUsd,
      window,
    });
    await this.tell(tx, level, alertOf(level, previous, status), status);
  }

  /** One alert per level and window; below the first threshold none is left, and tools hear so. */
  private async tell(tx: Sql, level: BudgetLevel, alert: NewAlert, status: BudgetStatus): Promise<void> {
    const at = levelOf(level, status);
    const { id, window, limitUsd } = status;
    const why = `budget ${id} is at $${window.settledUsd} of $${limitUsd} now`;
    await this.alerts.follow(tx, at, level === 'ok' ? undefined : alert, why);
    if (level === 'ok') await this.alerts.note(tx, alert, `${at.topic}/${at.period}/${level}`);
  }

  private async setLatch(tx: Sql, { id, window, limitUsd }: BudgetStatus, now: Date): Promise<boolean> {
    const decision = {
      by: `budget ${id}`,
      reason: `it is exhausted ($${window.settledUsd} of $${limitUsd} is spent), and it says shutdown`,
    };
    const { changed, state } = await this.latch.set(tx, decision, now);
    if (changed) {
      await this.alerts.add(tx, {
        severity: 'critical',
        kind: 'emergency',
        title: `Emergency shutdown by ${decision.by}: ${decision.reason}`,
        details: { ...state },
      });
    }
    return changed;
  }
}

const WORDS: Record<BudgetLevel, { severity: NewAlert['severity']; kind: string; says: string }> = {
  ok: { severity: 'info', kind: 'budget_ok', says: 'is below its warning threshold again' },
  warning: { severity: 'warning', kind: 'budget_warning', says: 'passed its warning threshold' },
  critical: { severity: 'critical', kind: 'budget_critical', says: 'passed its critical threshold' },
  exhausted: { severity: 'critical', kind: 'budget_exhausted', says: 'is exhausted' },
};

const RANKS: Record<BudgetLevel, number> = { ok: 0, warning: 1, critical: 2, exhausted: 3 };

const levelOf = (level: BudgetLevel, { id, window }: BudgetStatus): LevelOf => ({
  topic: `budget/${id}`,
  period: window.id,
  rank: RANKS[level],
  level,
});

function alertOf(level: BudgetLevel, previous: BudgetLevel, status: BudgetStatus): NewAlert {
  const { severity, kind, says } = WORDS[level];
  const { id, window, limitUsd, onExhausted } = status;
  return {
    severity,
    kind,
    title: `Budget ${id} ${says}: $${window.settledUsd} of $${limitUsd}`,
    details: { budgetId: id, level, previous, limitUsd, onExhausted, window },
  };
}
