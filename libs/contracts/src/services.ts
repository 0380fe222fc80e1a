import { z } from 'zod';
import { fact, operation } from './contract.js';
import { Latch } from './emergency.js';
import { Instant, Token } from './scalars.js';

/** What a runner can do, and what it takes for it. */
export const ExecutorOffer = z.object({
  name: Token,
  /** JSON Schema of a task's `input`; absent when the executor's own cannot be put so. It refuses only what the executor would. */
  input: z.record(z.string(), z.unknown()).optional(),
});
export type ExecutorOffer = z.infer<typeof ExecutorOffer>;

export const Heartbeat = z.object({
  service: Token,
  instance: Token,
  version: z.string(),
  startedAt: Instant,
  at: Instant,
  /**
   * Only from cost-watchdog, every 2 s: the latch as it read it from Postgres just now, how new the budgets are, and the
   * number of the last release of a lost gateway's leases.
   */
  latch: Latch.optional(),
  budgetsRevision: z.number().int().optional(),
  taskBudgetsRevision: z.number().int().optional(),
  /** Only from agent-runner. */
  executors: z.array(ExecutorOffer).optional(),
  leaseReleases: z.number().int().optional(),
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
