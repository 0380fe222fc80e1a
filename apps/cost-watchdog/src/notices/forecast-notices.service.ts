import { Injectable } from '@nestjs/common';
import { Database } from '@purser/database';
import { formatUsd, parseUsd } from '@purser/money';
import { Clock } from '@purser/service';
import { BudgetsRepository } from '../budgets/budgets.repository.js';
import { CostsService } from '../costs/costs.service.js';
import { NoticesService } from './notices.service.js';

/** A month that will probably go beyond its budget is told, once. A forecast stops nothing. */
@Injectable()
export class ForecastNotices {
  constructor(
    private readonly costs: CostsService,
    private readonly budgets: BudgetsRepository,
    private readonly notices: NoticesService,
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  async check(): Promise<void> {
    const { projectedUsd, lowUsd, highUsd } = await this.costs.forecast();
    if (projectedUsd === null) return;
    for (const row of await this.budgets.statuses(this.database, this.clock.now(), { only: 'general' })) {
      const scoped = row.scope_provider !== null || row.scope_project !== null || row.scope_key !== null;
      if (row.period !== 'month' || scoped || parseUsd(projectedUsd) <= row.limit_nano) continue;
      const limitUsd = formatUsd(row.limit_nano);
      await this.notices.tell(`forecast_${row.id}`, row.starts_at, {
        severity: 'warning',
        kind: 'forecast',
        title: `About $${projectedUsd} will be spent this month ($${lowUsd} to $${highUsd}), more than the $${limitUsd} of ${row.id}`,
        details: { budgetId: row.id, limitUsd, projectedUsd, lowUsd, highUsd },
      });
    }
  }
}
