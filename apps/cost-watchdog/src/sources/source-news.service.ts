import { Injectable } from '@nestjs/common';
import { Database, type Sql } from '@purser/database';
import { Clock, Outbox } from '@purser/service';
import { AlertsService, type NewAlert } from '../alerts/alerts.service.js';
import type { ConfiguredSource } from './configured-sources.js';
import { conditionOf, isToldFailing } from './schedule.js';
import { type SourceRow, SourcesRepository } from './sources.repository.js';

/** Tells people when a source fails, goes stale, or works again: once each, however many watchdogs see it. */
@Injectable()
export class SourceNews {
  constructor(
    private readonly database: Database,
    private readonly sources: SourcesRepository,
    private readonly alerts: AlertsService,
    private readonly outbox: Outbox,
    private readonly clock: Clock,
  ) {}

  /** Writes only when something is to be told. */
  async tell(one: ConfiguredSource, row: SourceRow): Promise<void> {
    const told = this.toTell(one, row);
    if (told === row.told) return;
    await this.database.transaction(async (tx: Sql) => {
      if (await this.sources.tell(tx, row.name, told)) await this.alerts.add(tx, alertOf(one, row, told));
    });
    await this.outbox.flush();
  }

  private toTell({ source }: ConfiguredSource, row: SourceRow): SourceRow['told'] {
    const standing = { since: row.since, readAt: row.read_at, newsAt: row.news_at, failures: row.failures };
    const condition = conditionOf(standing, source.schedule, this.clock.now());
    if (condition === 'stale') return 'stale';
    if (condition !== 'failing') return null;
    // What people were told stays true until it works again.
    return isToldFailing(standing) || row.told !== null ? 'failing' : null;
  }
}

function alertOf({ name, source: { provider } }: ConfiguredSource, row: SourceRow, told: SourceRow['told']): NewAlert {
  const newest = row.news_at?.toISOString() ?? null;
  const details = {
    source: name,
    provider,
    error: row.error,
    failures: row.failures,
    failingSince: row.failing_since?.toISOString() ?? null,
    lastSuccessAt: row.read_at?.toISOString() ?? null,
    lastNewsAt: newest,
    dataUpTo: row.data_up_to?.toISOString() ?? null,
  };
  if (told === null)
    return {
      severity: 'info',
      kind: 'cost_source_recovered',
      title: `Cost source ${name} works again`,
      about: name,
      details,
    };
  const unknown = `what ${provider} cost since then is not known, and not zero`;
  const why = row.error === null ? '' : `: ${row.error}`;
  return told === 'stale'
    ? {
        severity: 'warning',
        kind: 'cost_source_stale',
        title: `Cost source ${name} has told nothing new since ${newest ?? row.since.toISOString()}; ${unknown}${why}`,
        about: name,
        details,
      }
    : {
        severity: 'warning',
        kind: 'cost_source_failed',
        title: `Cost source ${name} cannot be read since ${details.failingSince ?? 'now'}; ${unknown}${why}`,
        about: name,
        details,
      };
}
