import { z } from 'zod';
import { operation } from './contract.js';
import { Id, Instant, Token, Usd } from './scalars.js';

export const GatewayKey = z.object({
  id: Id,
  name: z.string(),
  project: Token.nullable(),
  task: Id.nullable(),
  session: Id.nullable(),
  createdAt: Instant,
  expiresAt: Instant.nullable(),
  revokedAt: Instant.nullable(),
});
export type GatewayKey = z.infer<typeof GatewayKey>;

/** A year. */
const MAX_TTL_MS = 366 * 24 * 3_600_000;

/** When a key ends: at an instant, or so long after the gateway got the request, whatever the caller's clock says. */
const ends = { expiresAt: Instant.optional(), ttlMs: z.int().min(1).max(MAX_TTL_MS).optional() };
type Ends = { expiresAt?: string | undefined; ttlMs?: number | undefined };
const given = ({ expiresAt, ttlMs }: Ends): number => Number(expiresAt !== undefined) + Number(ttlMs !== undefined);

export const keysCreate = operation('keys.create', {
  owner: 'model-gateway',
  summary:
    'Make a key for the model endpoints. The secret is shown once, or is the caller’s own when only its hash is sent.',
  request: z
    .strictObject({
      id: Id.optional(),
      name: z.string().min(1).max(200),
      project: Token.optional(),
      task: Id.optional(),
      session: Id.optional(),
      ...ends,
      /** Hex SHA-256 of a secret that the caller made itself, so that it never travels. */
      sha256: z
        .string()
        .regex(/^[0-9a-f]{64}$/)
        .optional(),
    })
    .refine((request) => given(request) <= 1, { error: 'give expiresAt or ttlMs, not both', path: ['ttlMs'] }),
  reply: z.object({ key: GatewayKey, secret: z.string().nullable() }),
  http: { method: 'POST', path: '/v1/keys', status: 201 },
});

export const keysRenew = operation('keys.renew', {
  owner: 'model-gateway',
  summary:
    'Extend keys that expire; how a session’s key lives exactly as long as its lease. Revoked and unknown ones are left out.',
  request: z
    .object({ ids: z.array(Id).max(1000), ...ends })
    .refine((request) => given(request) === 1, { error: 'give either expiresAt or ttlMs', path: ['ttlMs'] }),
  reply: z.object({ renewed: z.array(Id) }),
});

export const keysList = operation('keys.list', {
  owner: 'model-gateway',
  summary: 'Keys, newest first, without their secrets; session keys only when asked for.',
  request: z.object({ sessions: z.stringbool().or(z.boolean()).default(false) }),
  reply: z.object({ keys: z.array(GatewayKey) }),
  http: { method: 'GET', path: '/v1/keys' },
});

export const keysRevoke = operation('keys.revoke', {
  owner: 'model-gateway',
  summary: 'Make a key useless within two seconds, on every gateway.',
  request: z.object({ id: Id }),
  reply: GatewayKey,
  http: { method: 'DELETE', path: '/v1/keys/:id' },
});

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
