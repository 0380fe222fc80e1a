import { z } from 'zod';
import { operation } from './contract.js';
import { Spend } from './ledger.js';
import { Id, Instant, Token, Usd } from './scalars.js';

/** How long a call can be asked about. */
export const CALLS_KEPT_DAYS = 7;

/** One attempt at a provider: what was held for it, and what it was settled at. */
export const CallAttempt = z.object({
  ...Spend.pick({
    attemptId: true,
    holdUsd: true,
    amountUsd: true,
    finality: true,
    outcome: true,
    inputTokens: true,
    outputTokens: true,
    cachedTokens: true,
    priceRow: true,
    latencyMs: true,
  }).shape,
  startedAt: Instant,
  /** Budget windows that the hold was taken from. */
  windows: z.array(z.string()),
  /** The output limit that the gateway set, since the caller gave none (or one that the model cannot write). */
  maxTokensSet: z.int().nullable(),
});
export type CallAttempt = z.infer<typeof CallAttempt>;

export const CallTier = z.object({
  tier: z.string(),
  provider: z.string(),
  model: z.string(),
  /** Why it was passed over, in a word; null for the tier that answered, or was at it when the call ended. */
  why: z.string().nullable(),
  reason: z.string().nullable(),
  /** Null when it was not asked at all. */
  attempt: CallAttempt.nullable(),
});

export const Call = z.object({
  id: Id,
  at: Instant,
  gateway: Token,
  /** Which endpoint: `chat-completions`, `messages`, `embeddings`, ... */
  kind: z.string(),
  /** As it was asked for: a capability, or a model. */
  model: z.string(),
  capability: z.string().nullable(),
  streaming: z.boolean(),
  key: Id,
  project: Token.nullable(),
  task: Id.nullable(),
  session: Id.nullable(),
  /** `ok`, `cancelled` when the client left, else the code of the error it got. */
  outcome: z.string(),
  /** What the error said. */
  message: z.string().nullable(),
  /** Of all attempts together. */
  costUsd: Usd,
  latencyMs: z.int().nonnegative(),
  /** In the order in which they were looked at. */
  tiers: z.array(CallTier),
});
export type Call = z.infer<typeof Call>;

export const callsGet = operation('calls.get', {
  owner: 'model-gateway',
  summary: `Explain one model call of the last ${CALLS_KEPT_DAYS} days: who, what for, which tiers were tried and why others were not, holds and settlements. There a second after the call ended.`,
  request: z.object({ id: Id }),
  reply: Call,
  http: { method: 'GET', path: '/v1/calls/:id' },
});
