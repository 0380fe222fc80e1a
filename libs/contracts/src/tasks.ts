import { z } from 'zod';
import { command, fact, operation } from './contract.js';
import { ErrorBody } from './errors.js';
import { Prediction } from './predictions.js';
import { TaskRecord } from './records.js';
import { Artifact } from './sessions.js';
import { Id, Instant, limitUpTo, Priority, STANDARD_PRIORITY, Token, tokenThatIs, Usd, UsdInput } from './scalars.js';

export const TaskState = z.enum(['blocked', 'ready', 'running', 'paused', 'completed', 'failed', 'cancelled']);
export type TaskState = z.infer<typeof TaskState>;

/** Per session. Tokens and requests are counted by the gateway, not by what the program claims. */
export const TaskLimits = z.strictObject({
  tokens: z.number().int().positive().optional(),
  seconds: z.number().positive().optional(),
  memoryMb: z.number().positive().optional(),
  requests: z.number().int().positive().optional(),
});
export type TaskLimits = z.infer<typeof TaskLimits>;

/** What the submitter expects it to take over all sessions; like tasks that ran before say it better once there are some. */
export const TaskEstimates = z.strictObject({
  tokens: z.number().int().positive().optional(),
  usd: UsdInput.optional(),
  seconds: z.number().positive().optional(),
  memoryMb: z.number().positive().optional(),
});
export type TaskEstimates = z.infer<typeof TaskEstimates>;

/** How long a failed session waits: `firstSeconds x factor^(failures - 1)`, `maxSeconds` at most, spread by half to one and a half. */
export const RetryBackoff = z.strictObject({
  firstSeconds: z.number().positive().max(86_400).default(1),
  factor: z.number().min(1).max(10).default(2),
  maxSeconds: z.number().positive().max(604_800).default(300),
});
export type RetryBackoff = z.infer<typeof RetryBackoff>;

/** The workspace as a work tree of a git repository, committed on the branch `purser/<taskId>` at each wrap and pushed there. */
export const TaskWorkspace = z.strictObject({
  /** What `git clone` takes: an address, or a path on the runner's machine. */
  repository: z.string().min(1).max(2_000),
  /** The branch to begin from; the repository's own default when absent. */
  base: z.string().min(1).max(255).optional(),
  /** Opens a pull request from `purser/<taskId>` into `base` when the task is completed. */
  pullRequest: z.boolean().default(false),
});
export type TaskWorkspace = z.infer<typeof TaskWorkspace>;

/** Grades the result of a completed task from 0 to 1: a program (`argv`), or a model asked by `instructions`. */
export const TaskGrader = z.union([
  z.strictObject({ argv: z.array(z.string()).min(1) }),
  z.strictObject({ model: z.string().min(1).max(200), instructions: z.string().min(1).max(20_000) }),
]);
export type TaskGrader = z.infer<typeof TaskGrader>;

const label = z.string().regex(/^[A-Za-z0-9_.:/-]{1,63}$/, '1 to 63 letters, digits or any of _ . : / -');
export const Label = label;

/** What a caller submits. Unknown fields are refused, so that a misspelt limit is not silently no limit. */
export const TaskSpec = z.strictObject({
  /** The idempotency key: the same id twice is one task. Made up when absent. */
  id: Id.optional(),
  /** Name of an executor plugin, such as `command`. */
  executor: tokenThatIs('the name of an executor plugin, such as "command"'),
  /** What the executor is to do; its schema is the executor's. At most 4 MiB as JSON. */
  input: z.record(z.string(), z.unknown()),
  /** 9 is taken first. */
  priority: Priority.default(STANDARD_PRIORITY),
  /** Ids of tasks that must be completed first. They exist already, or come in the same batch; a circle is refused. */
  dependsOn: z.array(Id).max(100).default([]),
  labels: z.array(label).max(20).default([]),
  project: Token.optional(),
  limits: TaskLimits.default({}),
  /** A hard limit over all sessions, enforced by the gateway. */
  budgetUsd: UsdInput.optional(),
  /** How many sessions it may take, continuations and lost ones included. */
  maxSessions: z.number().int().positive().max(100_000).default(100),
  /** How often a failed session is tried again. */
  retries: z.number().int().min(0).max(100).default(0),
  retryBackoff: RetryBackoff.optional(),
  notBefore: Instant.optional(),
  deadline: Instant.optional(),
  /** When a task of `dependsOn` fails or is cancelled: fail too, be `cancelled` without having run, or run all the same. */
  onDependencyFailure: z.enum(['fail', 'skip', 'ignore']).default('fail'),
  /** The task that this one is a part of. Its budgets count for this one too. */
  parent: Id.optional(),
  /** Waits for its budget instead of going on with a free model. */
  paidOnly: z.boolean().default(false),
  estimates: TaskEstimates.optional(),
  /** How hard the work is to interrupt: a simple task may use more of its limits before it wraps up, a complex one less. */
  complexity: z.enum(['simple', 'standard', 'complex']).default('standard'),
  workspace: TaskWorkspace.optional(),
  grader: TaskGrader.optional(),
});
export type TaskSpec = z.output<typeof TaskSpec>;
export type TaskSpecInput = z.input<typeof TaskSpec>;

export const SessionOutcome = z.enum(['completed', 'failed', 'continued', 'released', 'lost']);
export type SessionOutcome = z.infer<typeof SessionOutcome>;

/** What the gateway metered, complete within a second of the last call. */
export const Usage = z.object({
  inputTokens: z.number().int(),
  outputTokens: z.number().int(),
  requests: z.number().int(),
  usd: Usd,
});
export type Usage = z.infer<typeof Usage>;

export const SessionSummary = z.object({
  id: Id,
  epoch: z.number().int(),
  runner: z.string(),
  startedAt: Instant,
  endedAt: Instant.nullable(),
  outcome: SessionOutcome.nullable(),
  /** Why it ended, in words: `tokens 0.86 of its limit`, `runner lost`. */
  reason: z.string().nullable(),
  /** To be held against the task's `limits`. Null when the ledger cannot be reached. */
  usage: Usage.nullable(),
});
export type SessionSummary = z.infer<typeof SessionSummary>;

export const Progress = z.object({
  done: z.number().optional(),
  total: z.number().optional(),
  note: z.string().max(500).optional(),
});
export type Progress = z.infer<typeof Progress>;

export const Task = z.object({
  ...TaskSpec.shape,
  id: Id,
  budgetUsd: Usd.nullable(),
  project: Token.nullable(),
  notBefore: Instant.nullable(),
  deadline: Instant.nullable(),
  parent: Id.nullable(),
  /** The failed task that a person made this one of. */
  retryOf: Id.nullable().default(null),
  retryBackoff: RetryBackoff.nullable(),
  estimates: TaskEstimates.nullable(),
  workspace: TaskWorkspace.nullable(),
  grader: TaskGrader.nullable(),
  state: TaskState,
  /** Counts the sessions; the fencing token of everything a session writes. */
  epoch: z.number().int(),
  /** The first 100 tasks that are parts of it, oldest first; `tasks.list` with `parent` has them all. */
  children: z.array(z.object({ id: Id, state: TaskState })).default([]),
  /** The last 500, oldest first. */
  sessions: z.array(SessionSummary),
  /** From the ledger, complete within a second of the last call. Null when the ledger cannot be reached. */
  spentUsd: Usd.nullable(),
  /** Over all sessions, also from the ledger; `usage.usd` is `spentUsd`. */
  usage: Usage.nullable(),
  progress: Progress.nullable(),
  /** What the last session gave back; at most 2 MiB as JSON. */
  result: z.unknown(),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
  /** What its sessions left for people; null when no runner can be asked. */
  artifacts: z.array(Artifact).nullable().default(null),
  /** Why it is paused or blocked, or until when it waits. */
  waiting: z.string().nullable(),
  createdAt: Instant,
  updatedAt: Instant,
  finishedAt: Instant.nullable(),
  /** What it will take, by the history of like tasks or its estimates; while it is not over. */
  prediction: Prediction.optional(),
  /** What it took, once it is over. */
  record: TaskRecord.optional(),
});
export type Task = z.infer<typeof Task>;

const byId = z.object({ id: Id });

export const tasksSubmit = command('tasks.submit', {
  owner: 'orchestrator',
  stream: 'TASKS',
  summary:
    'Submit a task, or an array or lines of JSON with up to 10,000, without waiting for an answer; a refusal is published on task.rejected.<id>.',
  payload: TaskSpec,
  several: true,
});

export const tasksCreate = operation('tasks.create', {
  owner: 'orchestrator',
  summary: 'Submit a task; answered after it is committed. The same id twice is one task.',
  request: TaskSpec,
  reply: Task,
  http: { method: 'POST', path: '/v1/tasks', status: 201 },
});

/** What one submission may carry. It must also fit into one message of the bus: 8 MiB where Purser runs the server. */
export const MAX_BATCH = 10_000;

export const BatchResult = z.object({
  /** Its place in the request, from 0. */
  index: z.number().int(),
  /** The task's, also where it was made up; null where it named none that could be read. */
  id: z.string().nullable(),
  /** Null when it was refused. */
  state: TaskState.nullable(),
  /** False for one that was there already, the same. */
  created: z.boolean(),
  /** Why it was refused. */
  error: ErrorBody.pick({ code: true, message: true }).nullable(),
});
export type BatchResult = z.infer<typeof BatchResult>;

export const tasksBatch = operation('tasks.batch', {
  owner: 'orchestrator',
  summary:
    'Submit up to 10,000 tasks, which may depend on each other in any order. Each is taken or refused by itself; answered after the commit of all that are taken. The same ids again are the same tasks.',
  request: z.object({
    /** Each as for `tasks.create`, or a string with the JSON of one. */
    tasks: z.array(z.unknown()).min(1).max(MAX_BATCH),
  }),
  reply: z.object({
    taken: z.number().int(),
    refused: z.number().int(),
    /** One for each task, in the order of the request. */
    results: z.array(BatchResult),
  }),
  http: { method: 'POST', path: '/v1/tasks/batch', list: 'tasks' },
});

export const tasksGet = operation('tasks.get', {
  owner: 'orchestrator',
  summary: 'One task with its sessions, spend and usage, progress and result.',
  request: byId,
  reply: Task,
  http: { method: 'GET', path: '/v1/tasks/:id' },
});

export const TaskSummary = Task.omit({
  sessions: true,
  children: true,
  input: true,
  result: true,
  prediction: true,
  record: true,
  artifacts: true,
});
export type TaskSummary = z.infer<typeof TaskSummary>;

export const tasksList = operation('tasks.list', {
  owner: 'orchestrator',
  summary: 'Tasks, newest first; `next` continues the list.',
  request: z.object({
    state: TaskState.optional(),
    label: label.optional(),
    /** Only the parts of this task. */
    parent: Id.optional(),
    limit: limitUpTo(500, 50),
    after: z.string().optional(),
  }),
  reply: z.object({ tasks: z.array(TaskSummary), next: z.string().nullable() }),
  http: { method: 'GET', path: '/v1/tasks' },
});

export const tasksCancel = operation('tasks.cancel', {
  owner: 'orchestrator',
  summary:
    'Cancel a task, and what it handed in as its parts; a running session is wrapped up and stopped. Cancelling twice is no error.',
  request: z.object({
    id: Id,
    /** False leaves its parts, and theirs, to themselves. */
    children: z.boolean().default(true),
  }),
  reply: Task,
  http: { method: 'POST', path: '/v1/tasks/:id/cancel' },
});

const taskFact = <Shape extends z.ZodRawShape>(verb: string, summary: string, shape: Shape) =>
  fact(`task.${verb}`, {
    by: 'orchestrator',
    id: 'taskId',
    stream: 'FACTS',
    summary,
    data: z.object({ taskId: Id, ...shape }),
  });

const session = { sessionId: Id, epoch: z.number().int(), runner: z.string() };

export const taskCreated = taskFact('created', 'A task was accepted and stored.', {
  executor: z.string(),
  priority: z.number(),
  labels: z.array(z.string()),
  project: z.string().nullable(),
});
export const taskStarted = taskFact('started', 'A session began.', session);
export const taskProgressed = taskFact('progressed', 'A session reported progress.', {
  epoch: z.number().int(),
  progress: Progress,
});
export const taskCheckpointed = taskFact('checkpointed', 'A session saved a checkpoint.', {
  epoch: z.number().int(),
  number: z.number().int(),
  digest: z.string(),
});
export const taskContinued = taskFact(
  'continued',
  'A session ended before its limit; a fresh one goes on from the checkpoint.',
  { ...session, reason: z.string() },
);
export const taskCompleted = taskFact('completed', 'The task is done.', {
  epoch: z.number().int(),
  /** One larger than 256 KiB is left to tasks.get: `{omitted: "<bytes>"}` stands here. */
  result: z.unknown(),
});
export const taskFailed = taskFact('failed', 'The task has failed for good.', {
  epoch: z.number().int(),
  error: z.object({ code: z.string(), message: z.string() }),
});
export const taskCancelled = taskFact('cancelled', 'A person cancelled the task, or it was skipped.', {
  epoch: z.number().int(),
  /** Absent when a person did. */
  reason: z.string().optional(),
});
export const taskPaused = taskFact('paused', 'The task waits for a person, a budget or the end of an emergency.', {
  reason: z.string(),
});

/** `taskId` is the id that the message named, or one made up for the rejection when it named none that can be a subject. */
export const taskRejected = taskFact('rejected', 'A plain tasks.submit could not be taken.', {
  error: ErrorBody,
  /** The message as it came, cut to 8 KiB. */
  payload: z.string(),
});
