import { z } from 'zod';
import { operation } from './contract.js';
import { Usd } from './scalars.js';

export const ModelTier = z.object({
  capability: z.string(),
  tier: z.string(),
  provider: z.string(),
  model: z.string(),
  free: z.boolean(),
  available: z.boolean(),
  /** Why it is not available, and how to mend it. */
  reason: z.string().nullable(),
  /** Dollars per million tokens. */
  price: z.object({ inputUsd: Usd, cachedUsd: Usd, outputUsd: Usd }).nullable(),
});
export type ModelTier = z.infer<typeof ModelTier>;

export const ProviderStatus = z.object({
  name: z.string(),
  available: z.boolean(),
  reason: z.string().nullable(),
});
export type ProviderStatus = z.infer<typeof ProviderStatus>;

export const modelsList = operation('models.list', {
  owner: 'model-gateway',
  summary: 'The ladders: capabilities, their tiers, prices, and which can be used now; and the providers found.',
  request: z.object({}),
  reply: z.object({ tiers: z.array(ModelTier), providers: z.array(ProviderStatus) }),
  http: { method: 'GET', path: '/v1/ladders' },
});

/** The longest that a call over the bus may take. */
const MAX_COMPLETION_MS = 600_000;

export const modelsComplete = operation('models.complete', {
  owner: 'model-gateway',
  summary:
    'Call a chat model as the HTTP endpoints do. With `"stream": true` in the body the answer is several messages, ended by an empty one; any other answer, and every error, is one. Headers: x-request-id, x-purser-tier, -provider, -model, -cost-usd, -fallback-reason, -max-tokens-set.',
  request: z.strictObject({
    /** Whose protocol the body is in, and the answer: OpenAI's chat completions or Responses, Anthropic's Messages. */
    dialect: z.enum(['chat-completions', 'responses', 'messages']).default('chat-completions'),
    body: z.record(z.string(), z.unknown()),
    /** A key of the gateway, as on HTTP: who may use the bus is not yet who may spend. */
    key: z.string().min(1).max(500),
    /** Nobody can tell on the bus that a caller has gone: the call is cancelled after this time. */
    timeoutMs: z.int().min(1).max(MAX_COMPLETION_MS).default(120_000),
  }),
  reply: z.union([
    z.strictObject({ answer: z.record(z.string(), z.unknown()) }),
    /** Server-sent events, as they are on HTTP. */
    z.strictObject({ frames: z.string() }),
  ]),
});
