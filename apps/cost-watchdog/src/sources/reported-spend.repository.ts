import { Injectable } from '@nestjs/common';
import { Database, type Sql } from '@purser/database';
import type { Nano } from '@purser/money';
import type { ReportedSpend } from './reported-spend.js';

/** What readings of books added. */
@Injectable()
export class ReportedSpendRepository {
  constructor(private readonly database: Database) {}

  async add(tx: Sql, source: string, spends: readonly ReportedSpend[], at: Date): Promise<void> {
    if (spends.length === 0) return;
    await tx.query(
      `INSERT INTO reported_spend (source, service, from_at, to_at, nano, at)
       SELECT $1, * , $6 FROM unnest($2::text[], $3::timestamptz[], $4::timestamptz[], $5::bigint[])`,
      [
        source,
        spends.map(({ service }) => service),
        spends.map(({ from }) => from),
        spends.map(({ to }) => to),
        spends.map(({ nano }) => nano.toString()),
        at,
      ],
    );
  }

  /** Up to when anything is known of a source's spend; undefined when nothing was told lately. */
  async knownUpTo(source: string): Promise<Date | undefined> {
    const [row] = await this.database.query<{ to_at: Date }>(
      'SELECT to_at FROM reported_spend WHERE source = $1 ORDER BY to_at DESC LIMIT 1',
      [source],
    );
    return row?.to_at;
  }

  /** What was used after `since`, of readings after `toldAfter`. */
  within(source: string, since: Date, toldAfter: Date | undefined): Promise<ReportedSpend[]> {
    return this.database.query<ReportedSpend>(
      `SELECT service, from_at AS "from", to_at AS "to", nano FROM reported_spend
        WHERE source = $1 AND to_at > $2 AND ($3::timestamptz IS NULL OR at > $3)`,
      [source, since, toldAfter ?? null],
    );
  }

  /** Of whole rows that ended by then: what the books say, and since when. */
  async sumOfRows(source: string, since: Date, until: Date): Promise<{ nano: Nano; first: Date | undefined }> {
    const [row] = await this.database.query<{ nano: Nano; first: Date | null }>(
      `SELECT coalesce(sum(amount_nano), 0)::bigint AS nano, min(from_at) FILTER (WHERE amount_nano <> 0) AS first
         FROM reported_costs WHERE source = $1 AND from_at >= $2 AND from_at < $3 AND to_at <= $3`,
      [source, since, until],
    );
    return { nano: row?.nano ?? 0n, first: row?.first ?? undefined };
  }

  async forget(usedBefore: Date): Promise<void> {
    await this.database.query('DELETE FROM reported_spend WHERE to_at < $1', [usedBefore]);
  }
}
