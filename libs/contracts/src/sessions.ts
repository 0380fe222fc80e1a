import { z } from 'zod';
import { operation } from './contract.js';
import { Id, Instant, limitUpTo } from './scalars.js';

export const LogLine = z.object({
  /** Grows over all sessions of a task; `after` continues from it. */
  seq: z.number().int(),
  sessionId: Id,
  epoch: z.number().int(),
  stream: z.enum(['stdout', 'stderr', 'purser']),
  at: Instant,
  text: z.string(),
});
export type LogLine = z.infer<typeof LogLine>;

export const sessionsLogs = operation('sessions.logs', {
  owner: 'agent-runner',
  summary: 'What the sessions of a task printed, oldest first.',
  request: z.object({ id: Id, after: z.coerce.number().int().min(0).default(0), limit: limitUpTo(5000, 1000) }),
  reply: z.object({ lines: z.array(LogLine), next: z.number().int() }),
  http: { method: 'GET', path: '/v1/tasks/:id/logs' },
});

export const sessionsHandoff = operation('sessions.handoff', {
  owner: 'agent-runner',
  summary: 'The last handoff document of a task (Markdown).',
  request: z.object({ id: Id, epoch: z.coerce.number().int().optional() }),
  reply: z.object({ taskId: Id, epoch: z.number().int(), at: Instant, markdown: z.string() }),
  http: { method: 'GET', path: '/v1/tasks/:id/handoff' },
});

export const sessionsCheckpoint = operation('sessions.checkpoint', {
  owner: 'agent-runner',
  summary: 'The last checkpoint of a task.',
  request: z.object({ id: Id }),
  reply: z.object({
    taskId: Id,
    epoch: z.number().int(),
    number: z.number().int(),
    at: Instant,
    /** `sha256:<hex>` of the state's bytes. */
    digest: z.string(),
    state: z.unknown(),
  }),
  http: { method: 'GET', path: '/v1/tasks/:id/checkpoint' },
});

export const sessionsForget = operation('sessions.forget', {
  owner: 'agent-runner',
  summary: 'Delete what the sessions of finished tasks left: checkpoints, handoffs, logs. Repeating it is no error.',
  request: z.object({ ids: z.array(Id).min(1).max(500) }),
  reply: z.object({ forgotten: z.number().int() }),
});
