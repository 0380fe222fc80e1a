import { Inject, Injectable } from '@nestjs/common';
import { Bus } from '@purser/bus';
import { costsSummary, type OffloadStatus } from '@purser/contracts';
import { formatUsd, parseUsd } from '@purser/money';
import { Clock, CONFIG } from '@purser/service';
import type { Config } from '../config.js';
import { BILLS, type Bills } from './bills.js';
import { billsSince, monthStart, vmCosts } from './vm-costs.js';

const ASK_MS = 2_000;

/** What VMs cost, and how that stands to what people want to be told of. */
@Injectable()
export class Finances {
  constructor(
    @Inject(BILLS) private readonly bills: Bills,
    private readonly bus: Bus,
    private readonly clock: Clock,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  async read(): Promise<OffloadStatus['costs'] & { problems: string[] }> {
    const now = this.clock.now();
    const [bills, { alerts, problems }] = await Promise.all([this.bills.since(billsSince(now)), this.alerts()]);
    const costs = vmCosts(bills, now);
    return {
      perHourUsd: formatUsd(costs.perHour),
      since: monthStart(now).toISOString(),
      vmsCreated: costs.created,
      totalEstimatedUsd: formatUsd(costs.total),
      savingsUsd: formatUsd(costs.savings),
      forecastUsd: this.config.ENABLE_COST_FORECASTING ? formatUsd(costs.forecast) : null,
      alerts,
      problems,
    };
  }

  /** All spend counts, not that of VMs alone: it is the watchdog that tells people. */
  private async alerts(): Promise<{ alerts: OffloadStatus['costs']['alerts']; problems: string[] }> {
    const { COST_ALERT_DAILY: day, COST_ALERT_WEEKLY: week, COST_ALERT_MONTHLY: month } = this.config;
    try {
      const { todayUsd, weekUsd, monthUsd } = await this.bus.call(costsSummary, {}, { timeoutMs: ASK_MS });
      const alert = (period: 'day' | 'week' | 'month', limit: string, spentUsd: string) => {
        const alertUsd = formatUsd(parseUsd(limit));
        return { period, alertUsd, spentUsd, over: parseUsd(limit) > 0n && parseUsd(spentUsd) >= parseUsd(limit) };
      };
      return {
        alerts: [alert('day', day, todayUsd), alert('week', week, weekUsd), alert('month', month, monthUsd)],
        problems: [],
      };
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return { alerts: [], problems: [`what is spent is not known: ${why}`] };
    }
  }
}
