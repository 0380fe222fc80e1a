import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { CostSourceStatus } from '@purser/contracts';
import { formatUsd, type Nano } from '@purser/money';
import { Clock, Metrics } from '@purser/service';
import { windowAt } from '../windows/calendar.js';
import { type ConfiguredSource, ConfiguredSources, type RefusedSource } from './configured-sources.js';
import { isReconciled } from './counting.js';
import { driftPercent } from './drift.js';
import { monthText } from './period.js';
import { type ReconciliationRow, ReconciliationsRepository } from './reconciliations.repository.js';
import { ReportedRepository } from './reported.repository.js';
import { conditionOf } from './schedule.js';
import { type SourceRow, SourcesRepository } from './sources.repository.js';

interface Figures {
  row: SourceRow | undefined;
  reported: Nano | undefined;
  drift: ReconciliationRow | undefined;
  own: { month: Nano; total: Nano };
}

/** How each source stands: what it says, how old that is, what it costs itself, and what is wrong. */
@Injectable()
export class SourcesService implements OnModuleInit {
  private scraped: Promise<CostSourceStatus[]> | undefined;

  constructor(
    private readonly configured: ConfiguredSources,
    private readonly sources: SourcesRepository,
    private readonly reported: ReportedRepository,
    private readonly reconciliations: ReconciliationsRepository,
    private readonly clock: Clock,
    private readonly metrics: Metrics,
  ) {}

  async list(): Promise<CostSourceStatus[]> {
    const now = this.clock.now();
    const { all, refused } = this.configured;
    const names = all.map(({ name }) => name);
    const { startsAt, endsAt } = windowAt('month', 'UTC', now);
    const [rows, sums, drifts, owns] = await Promise.all([
      this.sources.all(names),
      this.reported.sums(names, startsAt, endsAt ?? now),
      this.reconciliations.ofPeriod(names, monthText(now)),
      this.sources.ownSince(names, startsAt),
    ]);
    const statuses = all.map((one) =>
      statusOf(one, now, {
        row: rows.find(({ name }) => name === one.name),
        reported: sums.find(({ source }) => source === one.name)?.reported,
        drift: drifts.find(({ source }) => source === one.name),
        own: owns.find(({ source }) => source === one.name) ?? { month: 0n, total: 0n },
      }),
    );
    return [...statuses, ...refused.map(refusedStatus)];
  }

  onModuleInit(): void {
    const gauge = (name: string, help: string, value: (status: CostSourceStatus) => number | undefined) =>
      this.metrics.gauge(name, help, ['source'], async (made) => {
        made.reset();
        for (const status of await this.scrape()) {
          const read = value(status);
          if (read !== undefined) made.set({ source: status.name }, read);
        }
      });
    const seconds = (at: string | null) => (at === null ? undefined : Date.parse(at) / 1_000);
    gauge('purser_cost_source_up', '1 when the source is read and not stale', ({ state }) => (state === 'ok' ? 1 : 0));
    gauge('purser_cost_source_data_up_to_seconds', 'Unix time that its data reaches up to', ({ dataUpTo }) =>
      seconds(dataUpTo),
    );
    gauge('purser_cost_source_last_success_seconds', 'Unix time of its last reading', ({ lastSuccessAt }) =>
      seconds(lastSuccessAt),
    );
    gauge('purser_cost_source_month_usd', 'Dollars its books say of this month', ({ monthUsd }) =>
      monthUsd === null ? undefined : Number(monthUsd),
    );
    gauge('purser_cost_source_own_usd', 'Dollars that asking it cost in all', ({ ownTotalUsd }) => Number(ownTotalUsd));
    gauge(
      'purser_cost_source_drift_percent',
      'How much more its books say this month than was metered',
      ({ drift }) => drift?.percent ?? undefined,
    );
  }

  /** All gauges are read at once. */
  private scrape(): Promise<CostSourceStatus[]> {
    this.scraped ??= this.list().finally(() => (this.scraped = undefined));
    return this.scraped;
  }
}

function statusOf({ name, use, source, books }: ConfiguredSource, now: Date, figures: Figures): CostSourceStatus {
  const { row, reported, drift, own } = figures;
  const { provider, schedule } = source;
  const standing = {
    since: row?.since ?? now,
    readAt: row?.read_at ?? null,
    newsAt: row?.news_at ?? null,
    failures: row?.failures ?? 0,
  };
  const counting = { books, meteredSince: row?.metered_since ?? null };
  return {
    name,
    use,
    provider,
    state: conditionOf(standing, schedule, now),
    error: row?.error ?? null,
    failures: standing.failures,
    failingSince: text(row?.failing_since),
    counts: isReconciled({ to: new Date(now.getTime() + 1) }, counting) ? 'reconciled' : 'added',
    lastSuccessAt: text(row?.read_at),
    lastNewsAt: text(row?.news_at),
    dataUpTo: text(row?.data_up_to),
    nextAt: text(row?.due_at),
    ...schedule,
    monthUsd: reported === undefined ? null : formatUsd(reported),
    drift: drift
      ? {
          reportedUsd: formatUsd(drift.reported_nano),
          meteredUsd: formatUsd(drift.metered_nano),
          percent: driftPercent(drift.metered_nano, drift.reported_nano),
          drifting: drift.drifting,
        }
      : null,
    ownMonthUsd: formatUsd(own.month),
    ownTotalUsd: formatUsd(own.total),
  };
}

const refusedStatus = ({ name, use, reason }: RefusedSource): CostSourceStatus => ({
  name: name ?? use,
  use,
  provider: null,
  state: 'refused',
  error: reason,
  failures: 0,
  failingSince: null,
  counts: null,
  lastSuccessAt: null,
  lastNewsAt: null,
  dataUpTo: null,
  nextAt: null,
  everySeconds: null,
  staleAfterSeconds: null,
  monthUsd: null,
  drift: null,
  ownMonthUsd: '0.00',
  ownTotalUsd: '0.00',
});

const text = (at: Date | null | undefined): string | null => at?.toISOString() ?? null;
