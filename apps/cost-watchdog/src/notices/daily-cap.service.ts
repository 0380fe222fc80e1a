import { Injectable } from '@nestjs/common';
import { Database } from '@purser/database';
import { maxNano, NANO_PER_USD, type Nano } from '@purser/money';
import { Clock } from '@purser/service';
import type { StatusRow } from '../budgets/budget-row.js';
import { BudgetsRepository } from '../budgets/budgets.repository.js';
import { CostsRepository } from '../costs/costs.repository.js';
import { periodsAt } from '../costs/costs.service.js';
import { WindowsService } from '../windows/windows.service.js';
import { NoticesService } from './notices.service.js';

export const DAILY_CAP_NOTICE = 'daily_cap';
/** In percent of the cap. */
export const NUDGE_AT = 80n;

export interface DailyCap {
  budgetId: string;
  startsAt: Date;
  spent: Nano;
  cap: Nano;
}

export interface DailyHealth {
  daily_spend: number;
  /** Null, as what follows from it, when no budget limits a day. */
  daily_cap: number | null;
  utilization_percent: number | null;
  /** Whether the nudge of this day went out. */
  alert_sent: boolean;
  remaining: number | null;
}

/**
 * What may be spent today in all: the smallest budget over everything for a day. Its spend is that of its window, which
 * settlements change in the transaction that writes the ledger, so no crash loses any of it.
 */
@Injectable()
export class DailyCapService {
  constructor(
    private readonly database: Database,
    private readonly budgets: BudgetsRepository,
    private readonly windows: WindowsService,
    private readonly costs: CostsRepository,
    private readonly notices: NoticesService,
    private readonly clock: Clock,
  ) {}

  async read(): Promise<DailyCap | undefined> {
    await this.windows.roll();
    const rows = await this.budgets.statuses(this.database, this.clock.now(), { only: 'general' });
    const [row] = rows.filter(isDailyTotal).sort((a, b) => (a.cutoff_nano < b.cutoff_nano ? -1 : 1));
    return row && { budgetId: row.id, startsAt: row.starts_at, spent: row.settled_nano, cap: row.cutoff_nano };
  }

  async health(): Promise<DailyHealth> {
    const daily = await this.read();
    if (!daily) {
      const { day } = await this.costs.spent(periodsAt(this.clock.now()));
      const nothing = { daily_cap: null, utilization_percent: null, alert_sent: false, remaining: null };
      return { daily_spend: dollars(day), ...nothing };
    }
    const { spent, cap, startsAt } = daily;
    return {
      daily_spend: dollars(spent),
      daily_cap: dollars(cap),
      utilization_percent: cap === 0n ? 100 : Number((spent * 10_000n) / cap) / 100,
      alert_sent: await this.notices.wasTold(DAILY_CAP_NOTICE, startsAt),
      remaining: dollars(maxNano(0n, cap - spent)),
    };
  }
}

const isDailyTotal = (row: StatusRow): boolean =>
  row.period === 'day' && row.scope_provider === null && row.scope_project === null && row.scope_key === null;

/** To be looked at, not reckoned with: names and kinds are those that users of heartbeat budgets know. */
const dollars = (nano: Nano): number => Number(nano) / Number(NANO_PER_USD);
