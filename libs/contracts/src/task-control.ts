import { z } from 'zod';
import { fact, operation } from './contract.js';
import { Decision } from './emergency.js';
import { Id, Instant, limitUpTo } from './scalars.js';
import { Task } from './tasks.js';

/** Who, and if they say so why; both stand in the task's `waiting` and in the fact. */
const decided = {
  by: Decision.shape.by.max(100).default('a person'),
  reason: Decision.shape.reason.max(500).optional(),
};

export const tasksPause = operation('tasks.pause', {
  owner: 'orchestrator',
  summary:
    'Pause a task until a person resumes it. One that waits is paused at once; a running session is wrapped up first. Pausing twice is no error.',
  request: z.object({ id: Id, ...decided }),
  reply: Task,
  http: { method: 'POST', path: '/v1/tasks/:id/pause' },
});

export const tasksResume = operation('tasks.resume', {
  owner: 'orchestrator',
  summary: 'End the pause of a person: the task goes on from its checkpoint. Resuming what is not paused is no error.',
  request: z.object({ id: Id, by: decided.by }),
  reply: Task,
  http: { method: 'POST', path: '/v1/tasks/:id/resume' },
});

export const taskResumed = fact('task.resumed', {
  by: 'orchestrator',
  id: 'taskId',
  stream: 'FACTS',
  summary: 'A pause has ended: the task is ready again, or waits for its dependencies.',
  data: z.object({ taskId: Id, by: z.string(), state: z.enum(['ready', 'blocked']) }),
});

const MAX_SIGNAL_BYTES = 32 * 1024;
/** Signals that wait for a session, for each task. */
export const MAX_SIGNALS_WAITING = 100;

const bytesOf = (payload: unknown): number => new TextEncoder().encode(JSON.stringify(payload) ?? 'null').length;

/** A message to whichever session of a task runs, or will run. */
export const Signal = z.object({
  /** Counts the task's signals, from 1. A signal that is delivered again has the same. */
  number: z.number().int().positive(),
  name: z.string(),
  payload: z.unknown(),
  at: Instant,
});
export type Signal = z.infer<typeof Signal>;

export const SignalRecord = z.object({
  ...Signal.shape,
  by: z.string(),
  /** `waiting` for a session; `delivered` to one that runs; `taken` by one that ended in order. */
  state: z.enum(['waiting', 'delivered', 'taken']),
  /** The epoch of the session that it was last delivered to. */
  epoch: z.number().int().nullable(),
});
export type SignalRecord = z.infer<typeof SignalRecord>;

export const tasksSignal = operation('tasks.signal', {
  owner: 'orchestrator',
  summary:
    'Send a message to the session of a task; kept until one runs. Delivered in order, and again when that session was lost or failed.',
  request: z.object({
    id: Id,
    name: z
      .string({ error: 'what it is about, such as "reprioritise"' })
      .regex(/^[A-Za-z0-9_.:-]{1,64}$/, '1 to 64 letters, digits or any of _ . : -'),
    payload: z
      .unknown()
      .refine((payload) => bytesOf(payload) <= MAX_SIGNAL_BYTES, {
        error: `a payload may have ${MAX_SIGNAL_BYTES / 1024} KiB as JSON; name a file or a URL instead`,
      })
      .default(null),
    /** The idempotency key: the same twice for one task is one signal. */
    key: Id.optional(),
    by: decided.by,
  }),
  reply: SignalRecord,
  http: { method: 'POST', path: '/v1/tasks/:id/signals', status: 201 },
});

export const tasksSignals = operation('tasks.signals', {
  owner: 'orchestrator',
  summary: 'The last signals to a task, newest first, and how far each has come.',
  request: z.object({ id: Id, limit: limitUpTo(200, 50) }),
  reply: z.object({ signals: z.array(SignalRecord) }),
  http: { method: 'GET', path: '/v1/tasks/:id/signals' },
});

export const taskSignalled = fact('task.signalled', {
  by: 'orchestrator',
  id: 'taskId',
  stream: 'FACTS',
  summary: 'A signal waits for a session of the task. Its runner asks for it at once, and finds it anyway.',
  data: z.object({ taskId: Id, number: z.number().int(), name: z.string(), by: z.string() }),
});
