import { z } from 'zod';
import { fact, operation } from './contract.js';
import { Prediction } from './predictions.js';
import { TaskRecord } from './records.js';
import { Id, Instant, limitUpTo, Token, Usd } from './scalars.js';
import { TaskSpec } from './tasks.js';

export const tasksEstimate = operation('tasks.estimate', {
  owner: 'orchestrator',
  summary: 'What a task would take, by the history of like tasks or its own estimates; nothing is stored.',
  request: TaskSpec,
  reply: Prediction,
  http: { method: 'POST', path: '/v1/tasks/estimate' },
});

export const recordsGet = operation('records.get', {
  owner: 'orchestrator',
  summary: 'What a task took: models, tokens, dollars, times, runners, and its grade.',
  request: z.object({ id: Id }),
  reply: TaskRecord,
  http: { method: 'GET', path: '/v1/tasks/:id/record' },
});

/** What one model did for one task: lines of a table to compare models by. */
export const RecordLine = z.object({
  taskId: Id,
  executor: z.string(),
  labels: z.array(z.string()),
  project: z.string().nullable(),
  outcome: z.enum(['completed', 'failed', 'cancelled']),
  finishedAt: Instant,
  /** Empty for a task that called no model. */
  provider: z.string(),
  model: z.string(),
  requests: z.number().int(),
  inputTokens: z.number().int(),
  outputTokens: z.number().int(),
  usd: Usd,
  latencyMs: z.number().int(),
  /** Of the whole task, as are those that follow. */
  taskUsd: Usd,
  sessions: z.number().int(),
  firstStartMs: z.number().int().nullable(),
  workedMs: z.number().int(),
  totalMs: z.number().int(),
  grade: z.number().nullable(),
});
export type RecordLine = z.infer<typeof RecordLine>;

export const recordsList = operation('records.list', {
  owner: 'orchestrator',
  summary:
    'What finished tasks took, a line for each of their models, newest first; as CSV with `Accept: text/csv`, the next page then being in the header `x-next`.',
  request: z.object({
    since: Instant.optional(),
    until: Instant.optional(),
    executor: Token.optional(),
    label: z.string().max(63).optional(),
    project: Token.optional(),
    model: z.string().max(200).optional(),
    /** Of tasks. */
    limit: limitUpTo(1000, 100),
    before: z
      .string()
      .regex(/^\d{1,18}$/)
      .optional(),
  }),
  reply: z.object({ lines: z.array(RecordLine), next: z.string().nullable() }),
  http: { method: 'GET', path: '/v1/records', csv: 'lines' },
});

export const FigureName = z.enum([
  'resource_efficiency',
  'resume_overhead',
  'context_preservation',
  'graceful_shutdowns',
  'completion_rate',
]);
export type FigureName = z.infer<typeof FigureName>;

export const Figure = z.object({
  name: FigureName,
  /** A share; null when nothing was measured in the period. */
  value: z.number().nullable(),
  target: z.number(),
  /** Null without a value. */
  met: z.boolean().nullable(),
  /** What was counted, in words. */
  counted: z.string(),
});
export type Figure = z.infer<typeof Figure>;

export const figuresGet = operation('figures.get', {
  owner: 'orchestrator',
  summary:
    'The five success figures, over what began (sessions) or ended (tasks) in a period: the last day when none is said.',
  request: z.object({ since: Instant.optional(), until: Instant.optional() }),
  reply: z.object({ since: Instant, until: Instant, figures: z.array(Figure) }),
  http: { method: 'GET', path: '/v1/figures' },
});

export const sessionRefused = fact('session.refused', {
  by: 'model-gateway',
  id: 'sessionId',
  summary: 'A call of a session was refused (402), since no budget covers it and no free model may serve it.',
  data: z.object({
    taskId: Id,
    sessionId: Id,
    /** Its task uses paid models alone: it is to wrap up and wait. Another one decides by itself whether it can go on. */
    paidOnly: z.boolean(),
    budgets: z.array(Id),
    /** The least that the call would have been held at; null when that is not known. */
    needUsd: Usd.nullable(),
    /** Null when no window of these budgets ends. */
    resetsAt: Instant.nullable(),
  }),
});
