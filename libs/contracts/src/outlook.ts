import { z } from 'zod';
import { operation } from './contract.js';
import { Id, Instant, Usd } from './scalars.js';
import { SessionOutcome, TaskState } from './tasks.js';

const count = z.number().int();

export const WorkOutlook = z.object({
  /** By the clock of the database, as all times of tasks are. */
  at: Instant,
  running: count,
  /** May run now; at most 10,000 are counted. */
  ready: count,
  /** Of these, those whose executor no runner has that is alive. */
  stuck: count,
  /** Ready, but not before their time: `notBefore`, or a retry's wait. */
  delayed: count,
  blocked: count,
  paused: count,
  /** When the next of these may start: a delayed task, or that of a schedule. Null when there is none. */
  nextAt: Instant.nullable(),
  /** No session starts while an emergency holds, or while it is not known whether one does. */
  emergency: z.boolean(),
});
export type WorkOutlook = z.infer<typeof WorkOutlook>;

export const workOutlook = operation('work.outlook', {
  owner: 'orchestrator',
  summary: 'How much work there is now, and when the next is due.',
  request: z.object({}),
  reply: WorkOutlook,
  http: { method: 'GET', path: '/v1/work' },
});

export const WorkDone = z.object({
  taskId: Id,
  state: TaskState,
  /** So many of its sessions fell into that time, wholly or in part. */
  sessions: count,
  /** Of the last of them; null while it runs. */
  outcome: SessionOutcome.nullable(),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
});
export type WorkDone = z.infer<typeof WorkDone>;

export const WorkReport = z.object({
  since: Instant,
  /** Those worked on last come first; at most 500. */
  tasks: z.array(WorkDone),
  /** There are more than are shown. */
  more: z.boolean(),
  sessions: count,
  /** What these sessions have spent in all. Null when the ledger cannot be reached. */
  spentUsd: Usd.nullable(),
});
export type WorkReport = z.infer<typeof WorkReport>;

export const workReport = operation('work.report', {
  owner: 'orchestrator',
  summary: 'What was worked on since a time, and what came of it.',
  request: z.object({ since: Instant }),
  reply: WorkReport,
  http: { method: 'GET', path: '/v1/work/report' },
});
