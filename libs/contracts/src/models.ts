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
