import { Injectable } from '@nestjs/common';
import type { SpikeRule } from '@purser/contracts';
import { Database } from '@purser/database';
import type { Nano } from '@purser/money';

export interface SpendRow {
  provider: string;
  model: string;
  nano: Nano;
  requests: bigint;
}

export interface RulesRow {
  rules: SpikeRule[] | null;
  by: string;
  reason: string;
  at: Date;
}

@Injectable()
export class SpikeRepository {
  constructor(private readonly database: Database) {}

  /** The month's total budget: the smallest that counts everything. */
  async budget(): Promise<{ id: string; nano: Nano } | undefined> {
    const [row] = await this.database.query<{ id: string; nano: Nano }>(
      `SELECT id, limit_nano AS nano FROM budgets
        WHERE deleted_at IS NULL AND period = 'month' AND scope_task IS NULL AND scope_provider IS NULL
          AND scope_project IS NULL AND scope_key IS NULL
        ORDER BY limit_nano, id LIMIT 1`,
    );
    return row;
  }

  /** Whether anything was spent since then at all: mostly there is nothing to judge. */
  async isSpending(since: Date): Promise<boolean> {
    const rows = await this.database.query(
      `SELECT FROM spend_minutes WHERE minute >= date_trunc('minute', $1::timestamptz) AND amount_nano <> 0 LIMIT 1`,
      [since],
    );
    return rows.length > 0;
  }

  /**
   * By the time of use: what comes in late is not a spike now. By whole minutes, however many calls a runaway makes; of the
   * first minute only what was used after `since`, and counted within a minute more.
   */
  spent(since: Date, until: Date, provider: string | undefined): Promise<SpendRow[]> {
    return this.database.query<SpendRow>(
      `WITH edge AS (SELECT date_trunc('minute', $1::timestamptz) + interval '1 minute' AS at),
            parts AS (
              SELECT provider, model, amount_nano, model_calls AS calls FROM spend_minutes
               WHERE minute >= (SELECT at FROM edge) AND minute < $2 AND amount_nano <> 0
              UNION ALL
              SELECT provider, model, sum(amount_nano), count(DISTINCT call_id) FROM entries
               WHERE counted_at > $1 AND counted_at < (SELECT at + interval '1 minute' FROM edge)
                 AND least(usage_at, counted_at) > $1 AND least(usage_at, counted_at) < (SELECT at FROM edge)
                 AND source = 'metered' AND amount_nano <> 0
               GROUP BY provider, model)
       SELECT provider, model, sum(amount_nano)::bigint AS nano, sum(calls)::bigint AS requests
         FROM parts WHERE $3::text IS NULL OR provider = $3 GROUP BY provider, model ORDER BY nano DESC, provider, model`,
      [since, until, provider ?? null],
    );
  }

  /** Metered, to the hour, which is near enough for thirty days; and since when there is anything. */
  async spentBetween(
    since: Date,
    until: Date,
    provider: string | undefined,
  ): Promise<{ nano: Nano; first: Date | undefined }> {
    const [row] = await this.database.query<{ nano: Nano; first: Date | null }>(
      `SELECT coalesce(sum(metered_nano), 0)::bigint AS nano, min(hour) FILTER (WHERE metered_nano <> 0) AS first
         FROM spend_hours
        WHERE hour >= $1 AND hour < $2 AND ($3::text IS NULL OR provider = $3)`,
      [since, until, provider ?? null],
    );
    return { nano: row?.nano ?? 0n, first: row?.first ?? undefined };
  }

  /** No rule looks back further than a day. */
  async forgetMinutes(before: Date): Promise<void> {
    await this.database.query('DELETE FROM spend_minutes WHERE minute < $1', [before]);
  }

  async rules(): Promise<RulesRow | undefined> {
    const [row] = await this.database.query<RulesRow>('SELECT * FROM spike_rule_changes ORDER BY seq DESC LIMIT 1');
    return row;
  }

  async setRules({ rules, by, reason, at }: RulesRow): Promise<void> {
    await this.database.query('INSERT INTO spike_rule_changes (rules, by, reason, at) VALUES ($1, $2, $3, $4)', [
      rules === null ? null : JSON.stringify(rules),
      by,
      reason,
      at,
    ]);
  }
}
