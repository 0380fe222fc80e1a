import { z } from 'zod';
import { fact, operation } from './contract.js';
import { Decision } from './emergency.js';
import { Id, Instant, limitUpTo, UsdInput } from './scalars.js';
import { Task, TaskSpec, TaskSummary } from './tasks.js';

/** A task that has failed for good and that nobody has dealt with. */
export const DeadLetter = z.object({
  task: TaskSummary,
  /** What that failure means and what may be done about it, in words. */
  diagnosis: z.string(),
  /** Sessions that failed, over all. */
  failures: z.number().int(),
  /** Sessions in a row that were lost at the end. */
  lostInARow: z.number().int(),
  /** What a retry would go on from. */
  checkpoint: z.object({ epoch: z.number().int(), number: z.number().int(), digest: z.string() }).nullable(),
  /** The task that was made of it. */
  retriedAs: Id.nullable(),
});
export type DeadLetter = z.infer<typeof DeadLetter>;

export const deadLettersList = operation('deadletters.list', {
  owner: 'orchestrator',
  summary:
    'Tasks that have failed for good and were not retried, newest first; those that failed because of another one are left out.',
  request: z.object({
    /** Only with this `error.code`, such as `poison` or `no_progress`. */
    code: z.string().min(1).max(64).optional(),
    limit: limitUpTo(500, 50),
    after: z
      .string()
      .regex(/^\d{1,18}$/, 'the `next` of an earlier answer')
      .optional(),
  }),
  reply: z.object({ deadLetters: z.array(DeadLetter), next: z.string().nullable() }),
  http: { method: 'GET', path: '/v1/dead-letters' },
});

export const deadLettersGet = operation('deadletters.get', {
  owner: 'orchestrator',
  summary: 'Why one task has failed: its sessions and its last handoff document.',
  request: z.object({ id: Id }),
  reply: z.object({
    ...DeadLetter.shape,
    task: Task,
    /** Null when there is none, or no runner is there to say. */
    handoff: z.object({ epoch: z.number().int(), at: Instant, markdown: z.string() }).nullable(),
  }),
  http: { method: 'GET', path: '/v1/dead-letters/:id' },
});

export const tasksRetry = operation('tasks.retry', {
  owner: 'orchestrator',
  summary:
    'Make a new task of one that failed or was cancelled. It goes on from the old one’s last checkpoint unless told otherwise. Retrying twice is one retry.',
  request: z.object({
    id: Id,
    from: z.enum(['checkpoint', 'fresh']).default('checkpoint'),
    /** Of the new task; `<id>-r1`, then `-r2` when absent. */
    newId: Id.optional(),
    by: Decision.shape.by.max(100).default('a person'),
    /** Instead of the old task's. The old one's spend does not count against it. */
    budgetUsd: UsdInput.optional(),
    maxSessions: TaskSpec.shape.maxSessions.unwrap().optional(),
    retries: TaskSpec.shape.retries.unwrap().optional(),
    limits: TaskSpec.shape.limits.unwrap().optional(),
  }),
  reply: Task,
  http: { method: 'POST', path: '/v1/tasks/:id/retry', status: 201 },
});

export const taskRetried = fact('task.retried', {
  by: 'orchestrator',
  id: 'taskId',
  stream: 'FACTS',
  summary: 'A person has made a new task of one that failed or was cancelled.',
  data: z.object({ taskId: Id, retriedAs: Id, from: z.enum(['checkpoint', 'fresh']), by: z.string() }),
});
