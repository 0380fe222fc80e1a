import { z } from 'zod';
import { fact, operation } from './contract.js';
import { Id, Instant, limitUpTo, Token, Usd } from './scalars.js';

export const Finality = z.enum(['final', 'presumed', 'estimate']);

/** One attempt at one provider. Idempotent by `attemptId`. */
export const Spend = z.object({
  attemptId: Id,
  /** The client's call; several attempts share it when a tier failed. */
  callId: Id,
  gateway: Token,
  provider: Token,
  model: z.string(),
  tier: z.string(),
  capability: z.string().nullable(),
  key: Id.nullable(),
  project: Token.nullable(),
  task: Id.nullable(),
  session: Id.nullable(),
  amountUsd: Usd,
  /** What was held for it; zero on a free tier. */
  holdUsd: Usd,
  /** The windows whose leases the hold was taken from. */
  windows: z.array(z.string()),
  inputTokens: z.number().int().nonnegative(),
  outputTokens: z.number().int().nonnegative(),
  cachedTokens: z.number().int().nonnegative().default(0),
  /** The row of prices that `amountUsd` follows; null on free tiers, and in records older than this field. */
  priceRow: z.string().max(500).nullable().default(null),
  usageAt: Instant,
  finality: Finality,
  outcome: z.enum(['ok', 'failed', 'cancelled', 'unknown']),
  latencyMs: z.number().int().nonnegative(),
});
export type Spend = z.infer<typeof Spend>;

/** Most attempts that one message tells of. */
export const MOST_SPENDS = 200;

/** As gateways of before told each attempt by itself: some may still lie in a stream. */
function alone(value: unknown): unknown {
  return typeof value === 'object' && value !== null && 'attemptId' in value ? { spends: [value] } : value;
}

/** Attempts at one provider that ended at about the same time, each told once or, after trouble, again. */
export const SpendBatch = z.preprocess(alone, z.object({ spends: z.array(Spend).min(1).max(MOST_SPENDS) }));
export type SpendBatch = z.infer<typeof SpendBatch>;

export const spendRecorded = fact('spend.recorded', {
  by: 'model-gateway',
  id: 'provider',
  stream: 'SPEND',
  summary:
    'Attempts at a provider were settled, at what each cost or is presumed to cost; free ones too. Under load one message tells of many.',
  data: SpendBatch,
});

export const LedgerEntry = z.object({
  seq: z.string(),
  ...Spend.omit({ windows: true }).shape,
  observedAt: Instant,
  /**
   * When the ledger took it, by the watchdog's clock, but what is reported of days that are over at their end: rolling
   * windows count by this, calendar ones by `usageAt`.
   */
  countedAt: Instant,
  source: z.enum(['metered', 'reported', 'correction']),
});
export type LedgerEntry = z.infer<typeof LedgerEntry>;

const filter = {
  provider: Token.optional(),
  project: Token.optional(),
  key: Id.optional(),
  task: Id.optional(),
  session: Id.optional(),
  since: Instant.optional(),
  until: Instant.optional(),
};

export const ledgerQuery = operation('ledger.query', {
  owner: 'cost-watchdog',
  summary: 'Ledger entries, newest first.',
  request: z.object({ ...filter, limit: limitUpTo(1000, 100), before: z.string().regex(/^\d+$/).optional() }),
  reply: z.object({ entries: z.array(LedgerEntry), next: z.string().nullable() }),
  http: { method: 'GET', path: '/v1/ledger' },
});

export const LedgerSum = z.object({
  /** The value of the grouped field. */
  id: z.string(),
  amountUsd: Usd,
  inputTokens: z.number().int(),
  outputTokens: z.number().int(),
  requests: z.number().int(),
});

export const ledgerSum = operation('ledger.sum', {
  owner: 'cost-watchdog',
  summary: 'Spend, tokens and requests per task, session, key, project or provider; ids without entries are zero.',
  request: z.object({
    by: z.enum(['task', 'session', 'key', 'project', 'provider']),
    ids: z.array(z.string()).max(1000),
  }),
  reply: z.object({ sums: z.array(LedgerSum) }),
});

export const costsSummary = operation('costs.summary', {
  owner: 'cost-watchdog',
  summary: 'What was spent today, this week and this month (UTC), in all and by provider and model.',
  request: z.object({}),
  reply: z.object({
    at: Instant,
    todayUsd: Usd,
    weekUsd: Usd,
    monthUsd: Usd,
    byProvider: z.array(
      z.object({ provider: z.string(), model: z.string(), monthUsd: Usd, requests: z.number().int() }),
    ),
  }),
  http: { method: 'GET', path: '/v1/costs' },
});
