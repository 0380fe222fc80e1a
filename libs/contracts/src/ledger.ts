import { z } from 'zod';
import { fact, operation } from './contract.js';
import { Decision } from './emergency.js';
import { PurserError } from './errors.js';
import { computeProviderOf, isComputeAttempt } from './offload.js';
import { Id, Instant, limitUpTo, Token, Usd, UsdInput } from './scalars.js';

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
  /** The tasks that this one is a part of, whose budgets it counts against too. Absent when there are none. */
  ancestors: z.array(Id).optional(),
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
  /**
   * What the first paid tier of the capability's ladder would have charged for the same tokens, at the prices of that
   * moment. Absent where nobody knows: a concrete model was asked for, nothing was answered, no price is known.
   */
  firstPaidUsd: Usd.optional(),
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
  heardAs: ({ spends }, id) => {
    const provider = computeProviderOf(id);
    return { spends: provider === undefined ? spends : spends.map((spend) => ofVm(spend, provider)) };
  },
});

/**
 * Whoever makes VMs of one provider tells what these cost, and nothing else: not as another provider's, not of a key or a
 * session, and under no attempt that a gateway could settle, which the ledger would take for a repeat. Whose it is it says
 * itself, and is believed: a session's VM counts for its task and project, and each VM has a lease under its own name as
 * a gateway, in windows that the ledger knows of.
 */
function ofVm(spend: Spend, provider: string): Spend {
  if (isComputeAttempt(spend.attemptId)) return { ...spend, provider, capability: 'compute', key: null, session: null };
  throw new PurserError('invalid_request', { message: `no attempt of a VM is called "${spend.attemptId}"` });
}

export const EntrySource = z.enum(['metered', 'reported', 'correction']);

export const LedgerEntry = z.object({
  seq: z.string(),
  ...Spend.omit({ windows: true }).shape,
  observedAt: Instant,
  /**
   * When the ledger took it, by the watchdog's clock, but what is reported of days that are over at their end: rolling
   * windows count by this, calendar ones by `usageAt`.
   */
  countedAt: Instant,
  source: EntrySource,
  /** Of a correction: the attempt it corrects, who decided so, and why. */
  corrects: z.string().nullable().default(null),
  by: z.string().nullable().default(null),
  reason: z.string().nullable().default(null),
});
export type LedgerEntry = z.infer<typeof LedgerEntry>;

const filter = {
  provider: Token.optional(),
  model: z.string().max(200).optional(),
  capability: z.string().max(200).optional(),
  project: Token.optional(),
  key: Id.optional(),
  task: Id.optional(),
  session: Id.optional(),
  source: EntrySource.optional(),
  finality: Finality.optional(),
  since: Instant.optional(),
  until: Instant.optional(),
};

export const ledgerQuery = operation('ledger.query', {
  owner: 'cost-watchdog',
  summary:
    'Ledger entries, newest first; as CSV with `Accept: text/csv`, the next page then being in the header `x-next`.',
  request: z.object({ ...filter, limit: limitUpTo(1000, 100), before: z.string().regex(/^\d+$/).optional() }),
  reply: z.object({ entries: z.array(LedgerEntry), next: z.string().nullable() }),
  http: { method: 'GET', path: '/v1/ledger', csv: 'entries' },
});

export const ledgerCorrect = operation('ledger.correct', {
  owner: 'cost-watchdog',
  summary:
    'Say what an attempt really cost: the difference is a new entry, which counts where the first one did. Said twice, the second time changes nothing.',
  request: z.strictObject({ attemptId: Id, actualUsd: UsdInput, ...Decision.shape }),
  reply: z.object({
    attemptId: Id,
    /** What it counted as before, all earlier corrections included. */
    beforeUsd: Usd,
    actualUsd: Usd,
    /** The new entry; null when nothing was to be changed. */
    correction: LedgerEntry.nullable(),
  }),
  http: { method: 'POST', path: '/v1/ledger/:attemptId/correct' },
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

export const ledgerModels = operation('ledger.models', {
  owner: 'cost-watchdog',
  summary: 'What tasks spent at each model; those without entries are left out.',
  request: z.object({ tasks: z.array(Id).max(1000) }),
  reply: z.object({
    sums: z.array(
      z.object({
        task: Id,
        provider: z.string(),
        model: z.string(),
        amountUsd: Usd,
        inputTokens: z.number().int(),
        outputTokens: z.number().int(),
        requests: z.number().int(),
        /** Of all calls together. */
        latencyMs: z.number().int(),
      }),
    ),
  }),
});
