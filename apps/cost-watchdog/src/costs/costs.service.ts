import { Injectable } from '@nestjs/common';
import type { costsHistory, costsSummary, Forecast, ReplyOf, RequestOf } from '@purser/contracts';
import { formatUsd, sumNano } from '@purser/money';
import { Clock } from '@purser/service';
import { forecast, MOST_DAYS } from '../forecast/forecast.js';
import { windowAt } from '../windows/calendar.js';
import { CostsRepository, type ModelInUseRow, type Since } from './costs.repository.js';

const DAY_MS = 86_400_000;
/** Of one history, when nobody says since when. */
const USUAL_DAYS = { hour: 2, day: 31 } as const;

@Injectable()
export class CostsService {
  constructor(
    private readonly costs: CostsRepository,
    private readonly clock: Clock,
  ) {}

  async summary(): Promise<ReplyOf<typeof costsSummary>> {
    const at = this.clock.now();
    const [rows, inUse, expected] = await Promise.all([
      this.costs.byModel(periodsAt(at)),
      this.costs.inUse(),
      this.forecast(),
    ]);
    return {
      at: at.toISOString(),
      todayUsd: formatUsd(sumNano(rows.map((row) => row.today))),
      weekUsd: formatUsd(sumNano(rows.map((row) => row.week))),
      monthUsd: formatUsd(sumNano(rows.map((row) => row.month))),
      byProvider: rows
        .filter((row) => row.requests > 0n || row.month !== 0n)
        .map(({ provider, model, month, requests }) => ({
          provider,
          model,
          monthUsd: formatUsd(month),
          requests: Number(requests),
        })),
      inUse: inUse === undefined ? null : inUseOf(inUse),
      forecast: expected,
      savedUsd: formatUsd(sumNano(rows.map((row) => row.saved))),
    };
  }

  async forecast(): Promise<Forecast> {
    const at = this.clock.now();
    const [since, byDay] = await Promise.all([
      this.costs.firstDay(),
      this.costs.byDay(new Date(at.getTime() - (MOST_DAYS + 1) * DAY_MS)),
    ]);
    return forecast({ at, since, byDay });
  }

  async history(request: RequestOf<typeof costsHistory>): Promise<ReplyOf<typeof costsHistory>> {
    const { by, limit } = request;
    const until = request.until === undefined ? this.clock.now() : new Date(request.until);
    const since =
      request.since === undefined ? new Date(until.getTime() - USUAL_DAYS[by] * DAY_MS) : new Date(request.since);
    const rows = await this.costs.history(by, since, until, limit);
    return {
      spend: rows.map((row) => ({
        at: row.at.toISOString(),
        provider: row.provider,
        amountUsd: formatUsd(row.amount),
        inputTokens: Number(row.input_tokens),
        outputTokens: Number(row.output_tokens),
        requests: Number(row.requests),
      })),
    };
  }
}

/** When today, this week and this month began, by UTC. */
export function periodsAt(at: Date): Since {
  const since = (period: 'day' | 'week' | 'month') => windowAt(period, 'UTC', at).startsAt;
  return { day: since('day'), week: since('week'), month: since('month') };
}

const inUseOf = ({ provider, model, tier, capability, usage_at }: ModelInUseRow) => ({
  provider,
  model,
  tier,
  capability,
  at: usage_at.toISOString(),
});
