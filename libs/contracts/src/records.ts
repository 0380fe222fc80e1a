import { z } from 'zod';
import { Grade } from './measures.js';
import { Id, Instant, Usd } from './scalars.js';

/** What one model did for a task, by the ledger. */
export const ModelUse = z.object({
  provider: z.string(),
  model: z.string(),
  requests: z.number().int(),
  inputTokens: z.number().int(),
  outputTokens: z.number().int(),
  usd: Usd,
  /** Of all its calls together. */
  latencyMs: z.number().int(),
});
export type ModelUse = z.infer<typeof ModelUse>;

/** What a task took. Kept a few seconds after its end, when the ledger has its last call; before that it is as of now. */
export const TaskRecord = z.object({
  taskId: Id,
  executor: z.string(),
  labels: z.array(z.string()),
  project: z.string().nullable(),
  /** Null while it is not over. */
  outcome: z.enum(['completed', 'failed', 'cancelled']).nullable(),
  createdAt: Instant,
  finishedAt: Instant.nullable(),
  /** From its creation to the start of its first session; null when none started. */
  firstStartMs: z.number().int().nullable(),
  /** All the time that no session worked on it. */
  waitedMs: z.number().int(),
  /** The time of all its sessions. */
  workedMs: z.number().int(),
  totalMs: z.number().int(),
  sessions: z.number().int(),
  /** Who claimed its sessions. */
  runners: z.array(z.string()),
  requests: z.number().int(),
  inputTokens: z.number().int(),
  outputTokens: z.number().int(),
  usd: Usd,
  models: z.array(ModelUse),
  grade: Grade.nullable(),
  /** False while figures may still change. */
  final: z.boolean(),
});
export type TaskRecord = z.infer<typeof TaskRecord>;
