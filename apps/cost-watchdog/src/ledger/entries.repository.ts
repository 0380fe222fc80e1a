import { Injectable } from '@nestjs/common';
import type { LedgerEntry, Spend } from '@purser/contracts';
import type { Sql } from '@purser/database';
import { type Nano, parseUsd } from '@purser/money';
import { windowIdOf } from '../windows/window-id.js';

/** What a gateway metered; or what somebody's books say, then with the source, when it was read, and by when it was used at the latest. */
export type NewEntry = Spend & { source?: LedgerEntry['source']; observedAt?: string; usedBy?: string };

/** What entries of one gateway are charged to one window, or held money of it. */
export interface ChargeRow {
  /** Null where it has to be opened first: that of this budget which holds this moment. */
  window_id: bigint | null;
  budget_id: string | null;
  moment: Date | null;
  gateway: string;
  /** What counts in the budget: nothing where its scope does not match any more. */
  charged: Nano;
  /** What of it the gateway's lease gave: of each call no more than was held for it. */
  taken: Nano;
}

const MATCHES = `(b.scope_provider IS NULL OR b.scope_provider = e.provider)
              AND (b.scope_project IS NULL OR b.scope_project = e.project)
              AND (b.scope_key IS NULL OR b.scope_key = e.key)
              AND (b.scope_task IS NULL OR b.scope_task = e.task OR b.scope_task = ANY(e.ancestors))`;

export interface NewCorrection {
  id: string;
  attemptId: string;
  difference: Nano;
  by: string;
  reason: string;
}

/**
 * When an entry counts in a budget: at its usage in calendar windows, at its counting in rolling ones. A correction counts
 * when what it corrects did, so a rolling window may have moved on since.
 */
const STILL_IN = `(b.period <> 'hours' OR e.counted_at >= w.starts_at)`;
const MOVED_ON = `(b.period = 'hours' AND EXISTS (
                SELECT FROM windows later WHERE later.budget_id = b.id AND later.shape = b.shape AND later.starts_at > at.moment))`;

@Injectable()
export class EntriesRepository {
  /**
   * Appends what is not there yet. Gives the numbers of the new ones. They are counted at `now`: the clock that moves
   * rolling windows on, not the gateway's; but books of days that are over at the end of those.
   */
  async append(tx: Sql, spends: readonly NewEntry[], now: Date): Promise<Map<string, bigint>> {
    const rows = await tx.query<{ seq: bigint; attempt_id: string }>(
      `INSERT INTO entries (attempt_id, call_id, gateway, provider, model, tier, capability, key, project, task, session,
         amount_nano, hold_nano, held_in, input_tokens, output_tokens, cached_tokens, price_row, usage_at, observed_at,
         counted_at, source, finality, outcome, latency_ms, first_paid_nano, ancestors)
       SELECT attempt_id, call_id, gateway, provider, model, tier, capability, key, project, task, session,
              amount_nano, hold_nano, held_in, input_tokens, output_tokens, cached_tokens, price_row, usage_at,
              coalesce(observed_at, $2), least(used_by, $2), source, finality, outcome, latency_ms, first_paid_nano,
              ancestors
         FROM json_to_recordset($1::json) AS x(attempt_id text, call_id text, gateway text, provider text, model text,
              tier text, capability text, key text, project text, task text, session text, amount_nano bigint,
              hold_nano bigint, held_in bigint[], input_tokens bigint, output_tokens bigint, cached_tokens bigint,
              price_row text, usage_at timestamptz, observed_at timestamptz, used_by timestamptz, source text,
              finality text, outcome text, latency_ms bigint, first_paid_nano bigint, ancestors text[])
       ON CONFLICT (attempt_id) DO NOTHING
       RETURNING seq, attempt_id`,
      [JSON.stringify(spends.map(columns)), now],
      'append-entries',
    );
    return new Map(rows.map((row) => [row.attempt_id, row.seq]));
  }

  /** What an attempt counts as by now, with all its corrections; undefined when it is not there. Corrections have none of their own. */
  async standing(tx: Sql, attemptId: string): Promise<Nano | undefined> {
    const [row] = await tx.query<{ nano: Nano }>(
      `SELECT e.amount_nano + coalesce((SELECT sum(c.amount_nano) FROM entries c WHERE c.corrects = $1), 0)::bigint AS nano
         FROM entries e WHERE e.attempt_id = $1 AND e.corrects IS NULL`,
      [attemptId],
    );
    return row?.nano;
  }

  /** Appends the difference, with all tags and times of what it corrects, so that it counts in the same hours and windows. */
  async correct(tx: Sql, { id, attemptId, difference, by, reason }: NewCorrection, now: Date): Promise<bigint> {
    const [row] = await tx.query<{ seq: bigint }>(
      `INSERT INTO entries (attempt_id, call_id, gateway, provider, model, tier, capability, key, project, task, session,
         amount_nano, hold_nano, held_in, input_tokens, output_tokens, cached_tokens, price_row, usage_at, observed_at,
         counted_at, source, finality, outcome, latency_ms, corrects, corrected_by, reason, ancestors)
       SELECT $2, call_id, gateway, provider, model, tier, capability, key, project, task, session,
              $3, 0, held_in, 0, 0, 0, price_row, usage_at, $6, counted_at, 'correction', 'final', outcome, 0, $1, $4, $5, ancestors
         FROM entries WHERE attempt_id = $1 RETURNING seq`,
      [attemptId, id, difference, by, reason, now],
    );
    if (!row) throw new Error(`there is no attempt ${attemptId} to correct`);
    return row.seq;
  }

  /**
   * Where each paid entry belongs: in the windows it was held in; and for every live budget whose scope matches and that
   * is not among them, in its window of the usage time, or the rolling one that it is counted in. Which those are
   * is found out once for each entry: looking through what was held for all of them would grow with the square of their number.
   * Planning it took a third of what 500 entries cost here, and nearly all of what one does: hence the names of this and of
   * what else each settlement runs.
   */
  charges(tx: Sql, seqs: readonly bigint[]): Promise<ChargeRow[]> {
    return tx.query<ChargeRow>(
      `WITH e AS MATERIALIZED (
         SELECT *, ARRAY(SELECT w.budget_id FROM windows w JOIN budgets b ON b.id = w.budget_id AND b.shape = w.shape
                          WHERE w.id = ANY(held_in)) AS held_of
           FROM entries WHERE seq = ANY($1::bigint[]) AND amount_nano <> 0
       ), charges AS (
         SELECT w.id AS window_id, NULL AS budget_id, NULL::timestamptz AS moment, e.gateway,
                CASE WHEN ${MATCHES} AND ${STILL_IN} THEN e.amount_nano ELSE 0 END AS charged,
                CASE WHEN e.source = 'correction' THEN 0 ELSE least(e.amount_nano, e.hold_nano) END AS taken
           FROM e JOIN windows w ON w.id = ANY(e.held_in) JOIN budgets b ON b.id = w.budget_id
         UNION ALL
         SELECT w.id, CASE WHEN w.id IS NULL THEN b.id END, CASE WHEN w.id IS NULL THEN at.moment END, e.gateway,
                e.amount_nano, 0
           FROM e
          CROSS JOIN LATERAL (
            SELECT * FROM budgets WHERE deleted_at IS NULL AND scope_task IS NULL
            UNION ALL
            SELECT * FROM budgets WHERE deleted_at IS NULL AND scope_task = ANY(e.task || e.ancestors)) AS b
          CROSS JOIN LATERAL (SELECT CASE b.period WHEN 'hours' THEN e.counted_at ELSE e.usage_at END AS moment) AS at
           LEFT JOIN windows w ON w.budget_id = b.id AND w.shape = b.shape AND w.starts_at <= at.moment
                              AND (w.ends_at IS NULL OR w.ends_at > at.moment)
          WHERE b.id <> ALL(e.held_of) AND ${MATCHES} AND NOT ${MOVED_ON}
       )
       SELECT window_id, budget_id, moment, gateway, sum(charged)::bigint AS charged, sum(taken)::bigint AS taken
         FROM charges GROUP BY window_id, budget_id, moment, gateway`,
      [seqs],
      'charges-of-entries',
    );
  }
}

const columns = (spend: NewEntry) => ({
  attempt_id: spend.attemptId,
  call_id: spend.callId,
  gateway: spend.gateway,
  provider: spend.provider,
  model: spend.model,
  tier: spend.tier,
  capability: spend.capability,
  key: spend.key,
  project: spend.project,
  task: spend.task,
  session: spend.session,
  ancestors: spend.ancestors ?? null,
  amount_nano: parseUsd(spend.amountUsd).toString(),
  hold_nano: parseUsd(spend.holdUsd).toString(),
  held_in: [...new Set(spend.windows.map(windowIdOf).filter((id) => id !== undefined))].map(String),
  input_tokens: spend.inputTokens,
  output_tokens: spend.outputTokens,
  cached_tokens: spend.cachedTokens,
  price_row: spend.priceRow,
  usage_at: spend.usageAt,
  observed_at: spend.observedAt ?? null,
  used_by: spend.usedBy ?? null,
  source: spend.source ?? 'metered',
  finality: spend.finality,
  outcome: spend.outcome,
  latency_ms: spend.latencyMs,
  first_paid_nano: spend.firstPaidUsd === undefined ? null : parseUsd(spend.firstPaidUsd).toString(),
});
