import { Injectable } from '@nestjs/common';
import type { ledgerQuery, ledgerSum, LedgerEntry, RequestOf } from '@purser/contracts';
import { Database } from '@purser/database';
import { formatUsd, type Nano } from '@purser/money';

type Filter = RequestOf<typeof ledgerQuery>;
export type SumField = RequestOf<typeof ledgerSum>['by'];

interface EntryRow {
  seq: bigint;
  attempt_id: string;
  call_id: string;
  gateway: string;
  provider: string;
  model: string;
  tier: string;
  capability: string | null;
  key: string | null;
  project: string | null;
  task: string | null;
  session: string | null;
  amount_nano: Nano;
  hold_nano: Nano;
  input_tokens: bigint;
  output_tokens: bigint;
  cached_tokens: bigint;
  price_row: string | null;
  usage_at: Date;
  observed_at: Date;
  counted_at: Date;
  source: LedgerEntry['source'];
  finality: LedgerEntry['finality'];
  outcome: LedgerEntry['outcome'];
  latency_ms: bigint;
}

export interface SumRow {
  id: string;
  amount: Nano;
  input_tokens: bigint;
  output_tokens: bigint;
  requests: bigint;
}

export interface ModelCostRow {
  provider: string;
  model: string;
  today: Nano;
  week: Nano;
  month: Nano;
  requests: bigint;
}

/** Reads the ledger; exact up to the last committed entry. */
@Injectable()
export class LedgerRepository {
  constructor(private readonly database: Database) {}

  /** One more than asked for, so that the caller knows whether there is more. */
  async entries(filter: Filter): Promise<LedgerEntry[]> {
    const parameters: unknown[] = [filter.limit + 1];
    const conditions = ['true'];
    const add = (condition: string, value: unknown) => {
      if (value === undefined) return;
      parameters.push(value);
      conditions.push(`${condition} $${parameters.length}`);
    };
    add('provider =', filter.provider);
    add('project =', filter.project);
    add('key =', filter.key);
    add('task =', filter.task);
    add('session =', filter.session);
    add('usage_at >=', filter.since);
    add('usage_at <', filter.until);
    add('seq <', filter.before);
    const rows = await this.database.query<EntryRow>(
      `SELECT * FROM entries WHERE ${conditions.join(' AND ')} ORDER BY seq DESC LIMIT $1`,
      parameters,
    );
    return rows.map(entryOf);
  }

  /** Several attempts of one call are one request. */
  sums(by: SumField, ids: readonly string[]): Promise<SumRow[]> {
    return this.database.query<SumRow>(
      `SELECT ${by} AS id, sum(amount_nano)::bigint AS amount, sum(input_tokens)::bigint AS input_tokens,
              sum(output_tokens)::bigint AS output_tokens, count(DISTINCT call_id) AS requests
         FROM entries WHERE ${by} = ANY($1::text[]) GROUP BY ${by}`,
      [ids],
    );
  }

  costs(since: { day: Date; week: Date; month: Date }): Promise<ModelCostRow[]> {
    return this.database.query<ModelCostRow>(
      `SELECT provider, model,
              coalesce(sum(amount_nano) FILTER (WHERE usage_at >= $1), 0)::bigint AS today,
              coalesce(sum(amount_nano) FILTER (WHERE usage_at >= $2), 0)::bigint AS week,
              coalesce(sum(amount_nano) FILTER (WHERE usage_at >= $3), 0)::bigint AS month,
              count(DISTINCT call_id) FILTER (WHERE usage_at >= $3) AS requests
         FROM entries WHERE usage_at >= least($2::timestamptz, $3::timestamptz)
        GROUP BY provider, model ORDER BY month DESC, provider, model`,
      [since.day, since.week, since.month],
    );
  }
}

const entryOf = (row: EntryRow): LedgerEntry => ({
  seq: row.seq.toString(),
  attemptId: row.attempt_id,
  callId: row.call_id,
  gateway: row.gateway,
  provider: row.provider,
  model: row.model,
  tier: row.tier,
  capability: row.capability,
  key: row.key,
  project: row.project,
  task: row.task,
  session: row.session,
  amountUsd: formatUsd(row.amount_nano),
  holdUsd: formatUsd(row.hold_nano),
  inputTokens: Number(row.input_tokens),
  outputTokens: Number(row.output_tokens),
  cachedTokens: Number(row.cached_tokens),
  priceRow: row.price_row,
  usageAt: row.usage_at.toISOString(),
  observedAt: row.observed_at.toISOString(),
  countedAt: row.counted_at.toISOString(),
  source: row.source,
  finality: row.finality,
  outcome: row.outcome,
  latencyMs: Number(row.latency_ms),
});
