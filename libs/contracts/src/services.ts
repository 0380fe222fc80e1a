import { z } from 'zod';
import { fact, operation } from './contract.js';
import { Latch } from './emergency.js';
import { Instant, Token } from './scalars.js';

const MAX_EXECUTORS = 50;
const MAX_INPUT_BYTES = 16 * 1024;
const MAX_INPUT_LEVELS = 32;

const isWithin = (levels: number, value: unknown): boolean =>
  typeof value !== 'object' ||
  value === null ||
  (levels > 0 && Object.values(value).every((part) => isWithin(levels - 1, part)));

/** JSON Schema of a task's `input`. It goes out with every heartbeat, and whoever hears it keeps it. */
export const ExecutorInput = z
  .record(z.string(), z.unknown())
  .refine((schema) => isWithin(MAX_INPUT_LEVELS, schema), {
    error: `the schema is nested more than ${MAX_INPUT_LEVELS} levels deep`,
    abort: true,
  })
  .refine((schema) => new TextEncoder().encode(JSON.stringify(schema)).length <= MAX_INPUT_BYTES, {
    error: `the schema is larger than ${MAX_INPUT_BYTES / 1024} KiB; leave it out, and input is checked by the executor alone`,
  });

/** What a runner can do, and what it takes for it. */
export const ExecutorOffer = z.object({
  name: Token,
  /** Absent when the executor's own cannot be put so. It refuses only what the executor would. */
  input: ExecutorInput.optional(),
});
export type ExecutorOffer = z.infer<typeof ExecutorOffer>;

export const ExecutorOffers = z
  .array(ExecutorOffer)
  .max(MAX_EXECUTORS, `a runner announces ${MAX_EXECUTORS} executors at most`);

export const Heartbeat = z.object({
  service: Token,
  instance: Token,
  version: z.string().max(200),
  startedAt: Instant,
  at: Instant,
  /**
   * Only from cost-watchdog, every 2 s: the latch as it read it from Postgres just now, how new the budgets are, and the
   * number of the last release of a lost gateway's leases.
   */
  latch: Latch.optional(),
  budgetsRevision: z.number().int().optional(),
  taskBudgetsRevision: z.number().int().optional(),
  /** Only from agent-runner. Offers that are out of bounds are left out: whoever sent them is alive all the same. */
  executors: ExecutorOffers.optional().catch(undefined),
  leaseReleases: z.number().int().optional(),
  /** Only from offload-manager: the names under which it holds leases, one for each VM. */
  gateways: z.array(Token).max(1000).optional().catch(undefined),
});
export type Heartbeat = z.infer<typeof Heartbeat>;

export const heartbeat = fact('heartbeat', {
  by: 'every service',
  id: 'service.instance',
  summary: 'A service is alive; every 2 s. From cost-watchdog it carries the latch.',
  data: Heartbeat,
});

export const servicesList = operation('services.list', {
  owner: 'orchestrator',
  summary: 'The service instances that were heard of in the last 10 s.',
  request: z.object({}),
  reply: z.object({ services: z.array(Heartbeat) }),
  http: { method: 'GET', path: '/v1/services' },
});

export const deadLetter = fact('dead.letter', {
  by: 'every service',
  id: 'the subject it came on',
  stream: 'DEAD',
  summary: 'A message on a stream that could not be read, or failed too often; kept for a person to look at.',
  data: z.object({
    subject: z.string(),
    stream: z.string(),
    seq: z.number().int(),
    deliveries: z.number().int(),
    reason: z.string(),
    /** As it came, cut to 512 KiB. */
    payload: z.string(),
  }),
});
