import { Injectable } from '@nestjs/common';
import { Database, type Sql } from '@purser/database';
import type { Nano } from '@purser/money';

export interface ReconciliationRow {
  source: string;
  /** "2026-11-03" or "2026-11". */
  period: string;
  metered_nano: Nano;
  reported_nano: Nano;
  drifting: boolean;
}

/** What was metered beside what the books say of the same days. */
@Injectable()
export class ReconciliationsRepository {
  constructor(private readonly database: Database) {}

  /** By day (UTC). Days without either are not among them. What people corrected of metered spend is metered, too. */
  async days(source: string, provider: string, from: Date, to: Date): Promise<Omit<ReconciliationRow, 'drifting'>[]> {
    return this.database.query(
      `SELECT $1 AS source, day AS period, sum(metered)::bigint AS metered_nano, sum(reported)::bigint AS reported_nano
         FROM (SELECT to_char(usage_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS day, amount_nano AS metered, 0 AS reported
                 FROM entries WHERE provider = $2 AND usage_at >= $3 AND usage_at < $4 AND tier <> 'reported'
               UNION ALL
               SELECT to_char(from_at AT TIME ZONE 'UTC', 'YYYY-MM-DD'), 0, amount_nano
                 FROM reported_costs WHERE source = $1 AND from_at >= $3 AND from_at < $4) AS parts
        GROUP BY day ORDER BY day`,
      [source, provider, from, to],
    );
  }

  /** Gives those whose drift began or ended with this. */
  write(tx: Sql, rows: readonly ReconciliationRow[], now: Date): Promise<ReconciliationRow[]> {
    return tx.query<ReconciliationRow>(
      `WITH given AS (
         SELECT * FROM jsonb_to_recordset($1::jsonb)
             AS x(source text, period text, metered_nano bigint, reported_nano bigint, drifting boolean)
       ), before AS (
         SELECT source, period FROM reconciliations r JOIN given g USING (source, period) WHERE r.drifting
       ), written AS (
         INSERT INTO reconciliations AS r (source, period, metered_nano, reported_nano, drifting, at)
         SELECT source, period, metered_nano, reported_nano, drifting, $2 FROM given
         ON CONFLICT (source, period) DO UPDATE
            SET metered_nano = excluded.metered_nano, reported_nano = excluded.reported_nano, drifting = excluded.drifting,
                at = excluded.at
       )
       SELECT g.* FROM given g LEFT JOIN before b USING (source, period)
        WHERE g.drifting <> (b.source IS NOT NULL) ORDER BY g.period`,
      [JSON.stringify(rows, (_key, value: unknown) => (typeof value === 'bigint' ? value.toString() : value)), now],
    );
  }

  ofPeriod(sources: readonly string[], period: string): Promise<ReconciliationRow[]> {
    return this.database.query<ReconciliationRow>(
      'SELECT source, period, metered_nano, reported_nano, drifting FROM reconciliations WHERE source = ANY($1::text[]) AND period = $2',
      [sources, period],
    );
  }

  /** The days of a month that were reconciled. */
  async monthSum(tx: Sql, source: string, month: string): Promise<{ metered: Nano; reported: Nano }> {
    const [row] = await tx.query<{ metered: Nano; reported: Nano }>(
      `SELECT coalesce(sum(metered_nano), 0)::bigint AS metered, coalesce(sum(reported_nano), 0)::bigint AS reported
         FROM reconciliations WHERE source = $1 AND period LIKE $2 || '-__'`,
      [source, month],
    );
    return row ?? { metered: 0n, reported: 0n };
  }
}
