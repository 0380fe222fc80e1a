import { Injectable } from '@nestjs/common';
import { Database, type Sql } from '@purser/database';
import { formatUsd } from '@purser/money';
import { Clock, Outbox } from '@purser/service';
import { AlertsService, type NewAlert } from '../alerts/alerts.service.js';
import type { ConfiguredSource } from './configured-sources.js';
import { type Counting, isReconciled } from './counting.js';
import { driftPercent, isDrifting } from './drift.js';
import { dayOf, monthText, type Period } from './period.js';
import { type ReconciliationRow, ReconciliationsRepository } from './reconciliations.repository.js';

const DAY = 86_400_000;

/** Compares what was metered with what the books of the same provider say, by day and month, and tells of a drift. */
@Injectable()
export class ReconciliationService {
  constructor(
    private readonly database: Database,
    private readonly rows: ReconciliationsRepository,
    private readonly alerts: AlertsService,
    private readonly outbox: Outbox,
    private readonly clock: Clock,
  ) {}

  /** Of the days read, those that the books know by now: books that are not stale have no news of older ones. */
  async compare({ name, source }: ConfiguredSource, counting: Counting, period: Period): Promise<void> {
    const now = this.clock.now();
    const known = dayOf(new Date(now.getTime() - source.schedule.staleAfterSeconds * 1_000));
    const to = known < period.to ? known : period.to;
    if (period.from >= to || !isReconciled({ to: period.to }, counting)) return;
    const days = (await this.rows.days(name, source.provider, period.from, to))
      .filter((row) => isReconciled({ to: new Date(Date.parse(row.period) + DAY) }, counting))
      .map((row) => ({ ...row, drifting: isDrifting(row.metered_nano, row.reported_nano) }));
    if (days.length === 0) return;
    await this.database.transaction(async (tx) => {
      const changed = await this.rows.write(tx, days, now);
      const months = [...new Set(days.map((row) => monthText(new Date(row.period))))];
      changed.push(...(await this.rows.write(tx, await this.monthRows(tx, name, months), now)));
      for (const row of changed) await this.alerts.add(tx, alertOf(source.provider, row));
    });
    await this.outbox.flush();
  }

  private monthRows(tx: Sql, source: string, months: readonly string[]): Promise<ReconciliationRow[]> {
    return Promise.all(
      months.map(async (period) => {
        const { metered, reported } = await this.rows.monthSum(tx, source, period);
        const drifting = isDrifting(metered, reported);
        return { source, period, metered_nano: metered, reported_nano: reported, drifting };
      }),
    );
  }
}

function alertOf(provider: string, row: ReconciliationRow): NewAlert {
  const { source, period, metered_nano, reported_nano, drifting } = row;
  const percent = driftPercent(metered_nano, reported_nano);
  const figures = `the books say $${formatUsd(reported_nano)}, metered is $${formatUsd(metered_nano)}`;
  const about = `${source} ${period}`;
  const details = {
    source,
    provider,
    period,
    reportedUsd: formatUsd(reported_nano),
    meteredUsd: formatUsd(metered_nano),
    percent,
  };
  return drifting
    ? {
        severity: 'warning',
        kind: 'cost_drift',
        title: `Costs of ${provider} in ${period} drift${percent === null ? '' : ` by ${percent} %`}: ${figures}`,
        about,
        details,
      }
    : {
        severity: 'info',
        kind: 'cost_drift_ended',
        title: `Costs of ${provider} in ${period} agree again: ${figures}`,
        about,
        details,
      };
}
