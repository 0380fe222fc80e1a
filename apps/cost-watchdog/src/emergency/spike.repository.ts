import { Injectable } from '@nestjs/common';
import { Database } from '@purser/database';
import type { Nano } from '@purser/money';

export interface SpendRow {
  provider: string;
  model: string;
  nano: Nano;
  requests: bigint;
}

@Injectable()
export class SpikeRepository {
  constructor(private readonly database: Database) {}

  /** The month's total budget: the smallest that counts everything. And whether anything was spent since then at all. */
  async base(since: Date): Promise<{ id: string; nano: Nano; spending: boolean } | undefined> {
    const [row] = await this.database.query<{ id: string; nano: Nano; spending: boolean }>(
      `SELECT id, limit_nano AS nano, EXISTS (
                SELECT FROM spend_minutes WHERE minute >= date_trunc('minute', $1::timestamptz) AND amount_nano <> 0
              ) AS spending
         FROM budgets
        WHERE deleted_at IS NULL AND period = 'month' AND scope_task IS NULL AND scope_provider IS NULL
          AND scope_project IS NULL AND scope_key IS NULL
        ORDER BY limit_nano, id LIMIT 1`,
      [since],
    );
    return row;
  }

  /**
   * Since then, by the time of use: what comes in late is not a spike now. By whole minutes but the first one, however
   * many calls a runaway makes.
   */
  spentSince(since: Date): Promise<SpendRow[]> {
    return this.database.query<SpendRow>(
      `WITH edge AS (SELECT date_trunc('minute', $1::timestamptz) + interval '1 minute' AS at),
            parts AS (
              SELECT provider, model, amount_nano, model_calls AS calls FROM spend_minutes
               WHERE minute >= (SELECT at FROM edge) AND amount_nano <> 0
              UNION ALL
              SELECT provider, model, sum(amount_nano), count(DISTINCT call_id) FROM entries
               WHERE usage_at > $1 AND usage_at < (SELECT at FROM edge) AND source = 'metered' AND amount_nano <> 0
               GROUP BY provider, model)
       SELECT provider, model, sum(amount_nano)::bigint AS nano, sum(calls)::bigint AS requests
         FROM parts GROUP BY provider, model ORDER BY nano DESC, provider, model`,
      [since],
    );
  }

  /** No rule looks back further than a day. */
  async forgetMinutes(before: Date): Promise<void> {
    await this.database.query('DELETE FROM spend_minutes WHERE minute < $1', [before]);
  }
}
