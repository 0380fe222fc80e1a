import { z } from 'zod';
import { fact, operation } from './contract.js';
import { Id, Instant, Priority, STANDARD_PRIORITY, Token } from './scalars.js';

/** What a key may ask for: names of capabilities as `models.json` has them. */
const Capabilities = z.array(z.string().min(1).max(100)).min(1).max(100);

/** `provider/model` or a model alone; `*` stands for anything: `openai/*`, `*-mini`. */
const Models = z
  .array(
    z
      .string()
      .regex(
        /^\S{1,200}$/,
        'a model such as "gpt-5-mini", a provider’s such as "openai/gpt-5-mini", or with "*" in it',
      ),
  )
  .min(1)
  .max(100);

const Ancestors = z.array(Id).max(64);

const PerMinute = z.int().min(1).max(1_000_000_000);

export const GatewayKey = z.object({
  id: Id,
  /** How the secret begins: `psk_` and sixteen hexadecimal digits. Keys from before salted hashes show `sha256:` instead. */
  prefix: z.string(),
  name: z.string(),
  project: Token.nullable(),
  task: Id.nullable(),
  /** The tasks that this one is a part of, its parent first: its calls count against their budgets, too. */
  ancestors: Ancestors.default([]),
  session: Id.nullable(),
  /** Null: any capability, and any model by its name. */
  capabilities: z.array(z.string()).nullable(),
  /** Null: any model. */
  models: z.array(z.string()).nullable(),
  /** Of its calls: what a budget reserves is for those of at least that priority. */
  priority: Priority.default(STANDARD_PRIORITY),
  /** Its calls are refused where no paid tier can take them, instead of going on with a free one. */
  paidOnly: z.boolean().default(false),
  /** Over all gateways together; null: no limit. */
  requestsPerMinute: z.int().nullable(),
  /** Input and output, over all gateways together; null: no limit. */
  tokensPerMinute: z.int().nullable(),
  createdAt: Instant,
  expiresAt: Instant.nullable(),
  revokedAt: Instant.nullable(),
});
export type GatewayKey = z.infer<typeof GatewayKey>;

/** What the gateway keeps of a secret that its caller made: enough to know it again, too little to be it. */
export const KeyProof = z.strictObject({
  /** How the secret begins, up to its second underscore. */
  prefix: z.string().regex(/^psk_[0-9a-f]{16}$/),
  /** Hex, 16 random bytes. */
  salt: z.string().regex(/^[0-9a-f]{32}$/),
  /** Hex HMAC-SHA256 of the whole secret under the salt's bytes. */
  hash: z.string().regex(/^[0-9a-f]{64}$/),
});
export type KeyProof = z.infer<typeof KeyProof>;

/** A year. */
const MAX_TTL_MS = 366 * 24 * 3_600_000;

/** When a key ends: at an instant, or so long after the gateway got the request, whatever the caller's clock says. */
const ends = { expiresAt: Instant.optional(), ttlMs: z.int().min(1).max(MAX_TTL_MS).optional() };
type Ends = { expiresAt?: string | null | undefined; ttlMs?: number | undefined };
const given = ({ expiresAt, ttlMs }: Ends): number => Number(expiresAt !== undefined) + Number(ttlMs !== undefined);
const NOT_BOTH = { error: 'give expiresAt or ttlMs, not both', path: ['ttlMs'] };

/** What a person decides about a key: said when it is made, and changed later. */
const name = z.string().min(1).max(200);
const restrictions = z.object({
  project: Token,
  capabilities: Capabilities,
  models: Models,
  requestsPerMinute: PerMinute,
  tokensPerMinute: PerMinute,
});

type OrNothing<Shape extends z.ZodRawShape> = { [Field in keyof Shape]: z.ZodOptional<z.ZodNullable<Shape[Field]>> };

/** A restriction that is null is taken away. */
const orNothing = <Shape extends Record<string, z.ZodType>>(shape: Shape) =>
  Object.fromEntries(Object.entries(shape).map(([field, schema]) => [field, schema.nullish()])) as OrNothing<Shape>;

export const keysCreate = operation('keys.create', {
  owner: 'model-gateway',
  summary:
    'Make a key for the model endpoints. The secret is shown once, or is the caller’s own when only its proof is sent.',
  request: z
    .strictObject({
      id: Id.optional(),
      name,
      ...restrictions.partial().shape,
      task: Id.optional(),
      ancestors: Ancestors.optional(),
      session: Id.optional(),
      /** 5 when absent. */
      priority: Priority.optional(),
      /** False when absent. */
      paidOnly: z.boolean().optional(),
      ...ends,
      /** Of a secret that the caller made itself, so that it never travels. */
      proof: KeyProof.optional(),
    })
    .refine((request) => given(request) <= 1, NOT_BOTH),
  reply: z.object({ key: GatewayKey, secret: z.string().nullable() }),
  http: { method: 'POST', path: '/v1/keys', status: 201 },
});

export const keysUpdate = operation('keys.update', {
  owner: 'model-gateway',
  summary:
    'Change what is given of a key; null takes a restriction away. It holds within one second, on every gateway. A revoked key stays revoked.',
  request: z
    .strictObject({
      id: Id,
      name: name.optional(),
      priority: Priority.optional(),
      paidOnly: z.boolean().optional(),
      ...orNothing({ ...restrictions.shape, expiresAt: Instant }),
      ttlMs: ends.ttlMs,
    })
    .refine((request) => given(request) <= 1, NOT_BOTH),
  reply: GatewayKey,
  http: { method: 'POST', path: '/v1/keys/:id' },
});

export const keysRenew = operation('keys.renew', {
  owner: 'model-gateway',
  summary:
    'Extend keys of sessions, which live exactly as long as their leases. Revoked and unknown ones, those that never expire and those of people are left out.',
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

export const keysGet = operation('keys.get', {
  owner: 'model-gateway',
  summary: 'One key, without its secret.',
  request: z.object({ id: Id }),
  reply: GatewayKey,
  http: { method: 'GET', path: '/v1/keys/:id' },
});

export const keysCheck = operation('keys.check', {
  owner: 'model-gateway',
  summary:
    'What is kept of the key of a session that begins so: with its proof another service knows the secret again, which never travels. Null for any other key, and for one that ended.',
  request: z.object({ prefix: KeyProof.shape.prefix }),
  reply: z.object({
    key: GatewayKey.nullable(),
    proof: KeyProof.nullable(),
    /** From now, by the gateway's database. */
    expiresInMs: z.number().nullable(),
  }),
});

export const keysRevoke = operation('keys.revoke', {
  owner: 'model-gateway',
  summary: 'Make a key useless within one second, on every gateway.',
  request: z.object({ id: Id }),
  reply: GatewayKey,
  http: { method: 'DELETE', path: '/v1/keys/:id' },
});

export const keysChanged = fact('keys.changed', {
  by: 'model-gateway',
  summary: 'Keys were revoked or changed: every gateway reads them again before it believes them.',
  data: z.object({ ids: z.array(Id).min(1).max(1000) }),
});
