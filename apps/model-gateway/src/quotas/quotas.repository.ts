import { Injectable } from '@nestjs/common';
import { Database } from '@purser/database';
import type { TierQuota } from './free-quota.js';

export interface QuotaSlice {
  /** Of the window, as Postgres has it. */
  startsAt: string;
  endsInMs: number;
  /** Zero when there is not so much left. */
  given: bigint;
}

@Injectable()
export class QuotasRepository {
  constructor(private readonly database: Database) {}

  /** Between `need` and `want` of what is left in the window of this moment, or nothing. Undefined in the instant in which a window ends. */
  async take(
    { name, per, timezone, limit }: Pick<TierQuota, 'name' | 'per' | 'timezone' | 'limit'>,
    need: bigint,
    want: bigint,
  ): Promise<QuotaSlice | undefined> {
    // Windows of two months ago are of no use to anybody.
    await this.database.query(
      `WITH old AS (DELETE FROM free_quotas WHERE name = $1 AND starts_at < now() - interval '62 days')
       INSERT INTO free_quotas (name, starts_at) VALUES ($1, date_trunc($2, clock_timestamp(), $3))
       ON CONFLICT DO NOTHING`,
      [name, per, timezone],
    );
    const [row] = await this.database.query<{ starts_at: string; ends_in_ms: number; given: bigint }>(
      `WITH current AS MATERIALIZED (
         SELECT name, starts_at, taken FROM free_quotas
          WHERE name = $1 AND starts_at = date_trunc($2, clock_timestamp(), $3) FOR UPDATE
       ), given AS (
         UPDATE free_quotas q SET taken = q.taken + least($5::bigint, $6::bigint - c.taken)
           FROM current c
          WHERE q.name = c.name AND q.starts_at = c.starts_at AND c.taken + $4::bigint <= $6::bigint
         RETURNING least($5::bigint, $6::bigint - c.taken) AS amount
       )
       SELECT c.starts_at::text, coalesce(g.amount, 0) AS given,
              (extract(epoch FROM (c.starts_at AT TIME ZONE $3 + ('1 ' || $2)::interval) AT TIME ZONE $3
                                  - clock_timestamp()) * 1000)::double precision AS ends_in_ms
         FROM current c LEFT JOIN given g ON true`,
      [name, per, timezone, need, want, limit],
    );
    return row && { startsAt: row.starts_at, endsInMs: row.ends_in_ms, given: row.given };
  }

  async giveBack(name: string, startsAt: string, amount: bigint): Promise<void> {
    await this.database.query(
      `UPDATE free_quotas SET taken = greatest(0, taken - $3::bigint) WHERE name = $1 AND starts_at = $2::timestamptz`,
      [name, startsAt, amount],
    );
  }
}
