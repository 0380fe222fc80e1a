import { Injectable } from '@nestjs/common';
import { Database, type Sql, storable } from '@purser/database';
import type { Nano } from '@purser/money';

export interface SourceRow {
  name: string;
  leased_by: string | null;
  leased_until: Date | null;
  epoch: bigint;
  due_at: Date;
  since: Date;
  asked_at: Date | null;
  read_at: Date | null;
  whole_at: Date | null;
  news_at: Date | null;
  data_up_to: Date | null;
  failures: number;
  failing_since: Date | null;
  error: string | null;
  told: 'failing' | 'stale' | null;
  last_own_nano: Nano;
  metered_since: Date | null;
}

export interface Claim {
  row: SourceRow;
  /** The epoch of a watchdog that died while it asked; null when the last one ended as it should. */
  abandoned: { epoch: bigint; at: Date } | null;
}

export interface Success {
  at: Date;
  dueAt: Date;
  whole: boolean;
  news: boolean;
  dataUpTo: Date | null;
}

@Injectable()
export class SourcesRepository {
  constructor(private readonly database: Database) {}

  /** Due at once, when it is new. */
  async add(names: readonly string[], now: Date): Promise<void> {
    await this.database.query(
      `INSERT INTO cost_sources (name, due_at, since) SELECT name, $2, $2 FROM unnest($1::text[]) AS n(name)
       ON CONFLICT (name) DO NOTHING`,
      [names, now],
    );
  }

  all(names: readonly string[]): Promise<SourceRow[]> {
    return this.database.query<SourceRow>('SELECT * FROM cost_sources WHERE name = ANY($1::text[])', [names]);
  }

  /** For whoever may ask now: of several watchdogs one, until `until`. */
  async claim(name: string, by: string, now: Date, until: Date): Promise<Claim | undefined> {
    const [row] = await this.database.query<SourceRow & { abandoned: boolean; asked_before: Date }>(
      `UPDATE cost_sources s SET leased_by = $2, leased_until = $4, epoch = s.epoch + 1, asked_at = $3
         FROM (SELECT name, leased_by IS NOT NULL AS abandoned, asked_at AS asked_before FROM cost_sources
                WHERE name = $1 AND due_at <= $3 AND (leased_by IS NULL OR leased_until <= $3) FOR UPDATE) AS old
        WHERE s.name = old.name RETURNING s.*, old.abandoned, old.asked_before`,
      [name, by, now, until],
    );
    if (!row) return undefined;
    return { row, abandoned: row.abandoned ? { epoch: row.epoch - 1n, at: row.asked_before } : null };
  }

  /** Locks the source for this transaction. False when another watchdog has taken over: what this one read is old. */
  async holds(tx: Sql, name: string, epoch: bigint): Promise<boolean> {
    const rows = await tx.query(
      'SELECT name FROM cost_sources WHERE name = $1 AND epoch = $2 AND leased_by IS NOT NULL FOR UPDATE',
      [name, epoch],
    );
    return rows.length > 0;
  }

  async succeeded(name: string, epoch: bigint, success: Success): Promise<void> {
    const { at, dueAt, whole, news, dataUpTo } = success;
    await this.database.query(
      `UPDATE cost_sources SET leased_by = NULL, leased_until = NULL, due_at = $3, read_at = $4,
              whole_at = CASE WHEN $5 THEN $4 ELSE whole_at END, news_at = CASE WHEN $6 THEN $4 ELSE news_at END,
              data_up_to = greatest(data_up_to, $7::timestamptz), failures = 0, failing_since = NULL, error = NULL
        WHERE name = $1 AND epoch = $2`,
      [name, epoch, dueAt, at, whole, news, dataUpTo],
    );
  }

  async failed(name: string, epoch: bigint, failure: { at: Date; dueAt: Date; error: string }): Promise<void> {
    await this.database.query(
      `UPDATE cost_sources SET leased_by = NULL, leased_until = NULL, due_at = $3, failures = failures + 1,
              failing_since = coalesce(failing_since, $4), error = $5
        WHERE name = $1 AND epoch = $2`,
      [name, epoch, failure.dueAt, failure.at, storable(failure.error)],
    );
  }

  /** Not asked after all, or not to the end: another watchdog may, at once. */
  async released(name: string, epoch: bigint): Promise<void> {
    await this.database.query(
      'UPDATE cost_sources SET leased_by = NULL, leased_until = NULL WHERE name = $1 AND epoch = $2',
      [name, epoch],
    );
  }

  async hasten(name: string, now: Date): Promise<void> {
    await this.database.query('UPDATE cost_sources SET due_at = least(due_at, $2) WHERE name = $1', [name, now]);
  }

  /** Of several watchdogs one sees each change. */
  async tell(tx: Sql, name: string, told: SourceRow['told']): Promise<boolean> {
    const rows = await tx.query(
      'UPDATE cost_sources SET told = $2 WHERE name = $1 AND told IS DISTINCT FROM $2 RETURNING name',
      [name, told],
    );
    return rows.length > 0;
  }

  /** Once for each time it was asked, however often it is written. */
  async addOwnCost(tx: Sql, name: string, cost: { epoch: bigint; at: Date; nano: Nano }): Promise<void> {
    await tx.query(
      `WITH added AS (INSERT INTO own_costs (source, epoch, at, nano) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING)
       UPDATE cost_sources SET last_own_nano = $4 WHERE name = $1`,
      [name, cost.epoch, cost.at, cost.nano],
    );
  }

  async ownByDay(name: string, from: Date, to: Date): Promise<Map<string, Nano>> {
    const rows = await this.database.query<{ day: string; nano: Nano }>(
      `SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS day, sum(nano)::bigint AS nano
         FROM own_costs WHERE source = $1 AND at >= $2 AND at < $3 GROUP BY 1`,
      [name, from, to],
    );
    return new Map(rows.map(({ day, nano }) => [day, nano]));
  }

  ownSince(names: readonly string[], since: Date): Promise<{ source: string; month: Nano; total: Nano }[]> {
    return this.database.query(
      `SELECT source, coalesce(sum(nano) FILTER (WHERE at >= $2), 0)::bigint AS month, sum(nano)::bigint AS total
         FROM own_costs WHERE source = ANY($1::text[]) GROUP BY source`,
      [names, since],
    );
  }

  /**
   * From when on the provider's spend is metered, to the hour. By the sums of the ledger by the hour: few, and in the order
   * of time. What was metered is never negative, so an hour without any of it sums up to nothing.
   */
  async findMetered(name: string, provider: string): Promise<Date | null> {
    const [row] = await this.database.query<{ metered_since: Date | null }>(
      `UPDATE cost_sources s
          SET metered_since = least(s.metered_since, (SELECT min(hour) FROM spend_hours WHERE provider = $2 AND metered_nano <> 0))
        WHERE s.name = $1 RETURNING s.metered_since`,
      [name, provider],
    );
    return row?.metered_since ?? null;
  }
}
