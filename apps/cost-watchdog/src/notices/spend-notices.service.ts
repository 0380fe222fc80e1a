import { Inject, Injectable } from '@nestjs/common';
import { formatUsd } from '@purser/money';
import { Clock } from '@purser/service';
import { CostsRepository } from '../costs/costs.repository.js';
import { periodsAt } from '../costs/costs.service.js';
import { DAILY_CAP_NOTICE, DailyCapService, NUDGE_AT } from './daily-cap.service.js';
import { NoticesService } from './notices.service.js';
import { SPEND_THRESHOLDS, type SpendThresholds } from './spend-thresholds.js';

const PERIODS = [
  ['day', 'today', 'COST_ALERT_DAILY'],
  ['week', 'this week', 'COST_ALERT_WEEKLY'],
  ['month', 'this month', 'COST_ALERT_MONTHLY'],
] as const;

/** Tells people how far the spend of the day, the week and the month has come. It stops nothing: budgets do. */
@Injectable()
export class SpendNotices {
  constructor(
    private readonly costs: CostsRepository,
    private readonly cap: DailyCapService,
    private readonly notices: NoticesService,
    @Inject(SPEND_THRESHOLDS) private readonly thresholds: SpendThresholds,
    private readonly clock: Clock,
  ) {}

  async check(): Promise<void> {
    await this.checkThresholds();
    await this.checkCap();
  }

  private async checkThresholds(): Promise<void> {
    const since = periodsAt(this.clock.now());
    const spent = await this.costs.spent(since);
    for (const [period, when, setting] of PERIODS) {
      const threshold = this.thresholds[period];
      if (threshold === 0n || spent[period] <= threshold) continue;
      const [spentUsd, thresholdUsd] = [formatUsd(spent[period]), formatUsd(threshold)];
      await this.notices.tell(`cost_alert_${period}`, since[period], {
        severity: 'warning',
        kind: 'cost_alert',
        title: `$${spentUsd} is spent ${when}, more than the $${thresholdUsd} of ${setting}; nothing is stopped`,
        details: { period, since: since[period].toISOString(), spentUsd, thresholdUsd },
      });
    }
  }

  private async checkCap(): Promise<void> {
    const daily = await this.cap.read();
    if (!daily || daily.cap === 0n || daily.spent * 100n < daily.cap * NUDGE_AT) return;
    const { budgetId, spent, cap, startsAt } = daily;
    await this.notices.tell(DAILY_CAP_NOTICE, startsAt, {
      severity: 'warning',
      kind: 'daily_cap',
      title: `${(spent * 100n) / cap} % of what may be spent today is spent: $${formatUsd(spent)} of $${formatUsd(cap)} (${budgetId})`,
      details: { budgetId, since: startsAt.toISOString(), spentUsd: formatUsd(spent), capUsd: formatUsd(cap) },
    });
  }
}
