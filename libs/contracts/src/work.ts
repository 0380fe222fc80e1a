import { z } from 'zod';
import { fact, operation } from './contract.js';
import { SessionMeasures } from './measures.js';
import { Id, Instant, Priority, STANDARD_PRIORITY, Token } from './scalars.js';
import { Signal } from './task-control.js';
import { Progress, TaskGrader, TaskLimits, TaskSpec, TaskState, TaskWorkspace } from './tasks.js';

/** One session handed to a runner. It must not write after `leaseMs` without a renewed lease. */
export const Assignment = z.object({
  taskId: Id,
  sessionId: Id,
  epoch: z.number().int().positive(),
  executor: z.string(),
  input: z.record(z.string(), z.unknown()),
  limits: TaskLimits,
  /** The task's, for the session's key; an orchestrator of before this does not say it. */
  priority: Priority.default(STANDARD_PRIORITY),
  project: z.string().nullable(),
  labels: z.array(z.string()),
  deadline: Instant.nullable(),
  parent: Id.nullable().default(null),
  /** The tasks that this one is a part of, its parent first. */
  ancestors: z.array(Id).default([]),
  /** Tasks whose last checkpoint, handoff and workspace it goes on from while it has none of its own; the nearest first. */
  continues: z.array(Id).default([]),
  paidOnly: z.boolean().default(false),
  complexity: TaskSpec.shape.complexity,
  workspace: TaskWorkspace.nullable().default(null),
  grader: TaskGrader.nullable().default(null),
  createdAt: Instant,
});
export type Assignment = z.infer<typeof Assignment>;

export const workClaim = operation('work.claim', {
  owner: 'orchestrator',
  summary: 'A runner with free slots asks for sessions. The same requestId gives the same sessions.',
  request: z.object({
    requestId: Id,
    runner: Token,
    slots: z.number().int().min(1).max(100),
    executors: z.array(Token).min(1),
    /** It was asked before and got no answer: it may have been given something then. */
    again: z.boolean().optional(),
    /** Tasks whose work trees the runner has: of tasks at the same place, such as those of one batch, it is given these first. */
    holds: z.array(Id).max(200).optional(),
  }),
  reply: z.object({ leaseMs: z.number().int(), assignments: z.array(Assignment) }),
});

export const CheckpointMark = z.object({ number: z.number().int().positive(), digest: z.string() });
export type CheckpointMark = z.infer<typeof CheckpointMark>;

export const workHeartbeat = operation('work.heartbeat', {
  owner: 'orchestrator',
  summary: 'Extends the leases of all sessions of a runner, and reports their progress and last checkpoint.',
  request: z.object({
    runner: Token,
    sessions: z.array(
      z.object({
        taskId: Id,
        epoch: z.number().int(),
        progress: Progress.optional(),
        checkpoint: CheckpointMark.optional(),
        /** The number of the last signal that this session received. */
        signals: z.number().int().optional(),
      }),
    ),
  }),
  reply: z.object({
    leaseMs: z.number().int(),
    sessions: z.array(
      z.object({
        taskId: Id,
        epoch: z.number().int(),
        /** `lost`: a newer session owns the task, stop without writing. `cancel`, `pause`: wrap up, then finish. */
        verdict: z.enum(['extended', 'lost', 'cancel', 'pause']),
        /** Those that it has not received yet, in order; not all at once when there are many. */
        signals: z.array(Signal).optional(),
      }),
    ),
  }),
});

export const FinishOutcome = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('completed'), result: z.unknown() }),
  z.object({ kind: z.literal('failed'), error: z.object({ code: z.string(), message: z.string() }) }),
  /** A fresh session is to go on from the checkpoint. `waitsFor`: none of its budgets covers the next call, so that not until then. */
  z.object({ kind: z.literal('continue'), reason: z.string(), waitsFor: z.literal('budget').optional() }),
  /** The runner gives the session back unfinished: it shuts down, an emergency, a cancelled or paused task. */
  z.object({ kind: z.literal('released'), reason: z.string() }),
]);
export type FinishOutcome = z.infer<typeof FinishOutcome>;

export const workFinish = operation('work.finish', {
  owner: 'orchestrator',
  summary:
    'Ends a session. Refused with stale_epoch when a newer one owns the task. The same requestId gives the same answer.',
  request: z.object({
    requestId: Id,
    runner: Token,
    taskId: Id,
    epoch: z.number().int(),
    outcome: FinishOutcome,
    /** The last that was reported, however the session ended. */
    progress: Progress.optional(),
    /** The last checkpoint of this session, if it wrote any: how a continuation without progress is told. */
    checkpoint: CheckpointMark.optional(),
    /** Stored besides: how the success figures are known. */
    measures: SessionMeasures.optional(),
    /** The number of the last signal that its program was given. */
    signals: z.number().int().optional(),
  }),
  reply: z.object({ state: TaskState }),
});

/** Published when tasks become ready, at most every 10 ms. A runner that misses it finds the work when it polls. */
export const workAvailable = fact('work.available', {
  by: 'orchestrator',
  summary: 'There is work to claim: runners with free slots ask at once.',
  data: z.object({
    /** Runners wait up to so long, each at random, so that many of them do not ask in one moment. */
    spreadMs: z.number().int().min(0).max(10_000).optional(),
  }),
});
