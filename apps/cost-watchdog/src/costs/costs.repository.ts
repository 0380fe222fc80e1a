import { Injectable } from '@nestjs/common';
import { Database } from '@purser/database';
import type { Nano } from '@purser/money';

export interface ModelCostRow {
  provider: string;
  model: string;
  today: Nano;
  week: Nano;
  month: Nano;
  saved: Nano;
  requests: bigint;
}

export interface Since {
  day: Date;
  week: Date;
  month: Date;
}

export interface HistoryRow {
  at: Date;
  provider: string;
  amount: Nano;
  input_tokens: bigint;
  output_tokens: bigint;
  requests: bigint;
}

export interface ModelInUseRow {
  provider: string;
  model: string;
  tier: string;
  capability: string | null;
  usage_at: Date;
}

/** Not to be looked through for ever when nothing has worked for long. */
const RECENT = 1_000;

/** From the rollups: they grow with days and models, not with calls. */
@Injectable()
export class CostsRepository {
  constructor(private readonly database: Database) {}

  /** All of these days begin at midnight UTC. */
  byModel({ day, week, month }: Since): Promise<ModelCostRow[]> {
    return this.database.query<ModelCostRow>(
      `SELECT provider, model,
              coalesce(sum(amount_nano) FILTER (WHERE day >= $1), 0)::bigint AS today,
              coalesce(sum(amount_nano) FILTER (WHERE day >= $2), 0)::bigint AS week,
              coalesce(sum(amount_nano) FILTER (WHERE day >= $3), 0)::bigint AS month,
              coalesce(sum(saved_nano) FILTER (WHERE day >= $3), 0)::bigint AS saved,
              coalesce(sum(model_calls) FILTER (WHERE day >= $3), 0)::bigint AS requests
         FROM spend_days WHERE day >= least($2::timestamptz, $3::timestamptz)
        GROUP BY provider, model ORDER BY month DESC, provider, model`,
      [day, week, month],
    );
  }

  /** The sums alone, for those who ask every few seconds. */
  async spent(since: Since): Promise<{ day: Nano; week: Nano; month: Nano }> {
    const [row] = await this.database.query<{ day: Nano; week: Nano; month: Nano }>(
      `SELECT coalesce(sum(amount_nano) FILTER (WHERE day >= $1), 0)::bigint AS day,
              coalesce(sum(amount_nano) FILTER (WHERE day >= $2), 0)::bigint AS week,
              coalesce(sum(amount_nano) FILTER (WHERE day >= $3), 0)::bigint AS month
         FROM spend_days WHERE day >= least($2::timestamptz, $3::timestamptz)`,
      [since.day, since.week, since.month],
    );
    return row ?? { day: 0n, week: 0n, month: 0n };
  }

  async byDay(since: Date): Promise<Map<number, Nano>> {
    const rows = await this.database.query<{ day: Date; nano: Nano }>(
      'SELECT day, sum(amount_nano)::bigint AS nano FROM spend_days WHERE day >= $1 GROUP BY day',
      [since],
    );
    return new Map(rows.map(({ day, nano }) => [day.getTime(), nano]));
  }

  /** When the ledger began, to the day. */
  async firstDay(): Promise<Date | undefined> {
    const [row] = await this.database.query<{ day: Date | null }>('SELECT min(day) AS day FROM spend_days');
    return row?.day ?? undefined;
  }

  history(by: 'hour' | 'day', since: Date, until: Date, limit: number): Promise<HistoryRow[]> {
    return this.database.query<HistoryRow>(
      `SELECT ${by} AS at, provider, sum(amount_nano)::bigint AS amount, sum(input_tokens)::bigint AS input_tokens,
              sum(output_tokens)::bigint AS output_tokens, sum(provider_calls)::bigint AS requests
         FROM spend_${by}s
        WHERE ${by} >= $1 AND ${by} < $2 GROUP BY ${by}, provider ORDER BY ${by}, provider LIMIT $3`,
      [since, until, limit],
    );
  }

  /** What answered last, of the calls of late; VMs are told there too, and answer none. */
  async inUse(): Promise<ModelInUseRow | undefined> {
    const [row] = await this.database.query<ModelInUseRow>(
      `SELECT provider, model, tier, capability, usage_at
         FROM (SELECT * FROM entries ORDER BY seq DESC LIMIT ${RECENT}) AS recent
        WHERE source = 'metered' AND outcome = 'ok' AND capability IS DISTINCT FROM 'compute' ORDER BY seq DESC LIMIT 1`,
    );
    return row;
  }
}
