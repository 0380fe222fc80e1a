import { z } from 'zod';
import { fact, operation } from './contract.js';
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
    /** In bytes. */
    size: z.number().int().default(0),
    /** Of the task's workspace when it was saved, for one that is a git repository. */
    commit: z.string().nullable().default(null),
    /** False above 1 MiB: then `state` is null, and `/v1/tasks/:id/checkpoint/content` has the bytes. */
    inline: z.boolean().default(true),
    state: z.unknown(),
  }),
  http: { method: 'GET', path: '/v1/tasks/:id/checkpoint' },
});

/** Something that a task's sessions do outside, journalled so that it is not done twice. */
export const Effect = z.object({
  /** Grows over all effects of all tasks; `after` continues from it. */
  number: z.number().int(),
  key: z.string(),
  /** `open`: begun and without a result: under way, or of unknown outcome when its session is over. */
  state: z.enum(['open', 'done']),
  epoch: z.number().int(),
  sessionId: Id,
  begunAt: Instant,
  endedAt: Instant.nullable(),
  /** What the session kept of it; null while it is open. */
  result: z.unknown(),
});
export type Effect = z.infer<typeof Effect>;

export const sessionsEffects = operation('sessions.effects', {
  owner: 'agent-runner',
  summary: 'What the sessions of a task did outside and journalled, oldest first.',
  request: z.object({ id: Id, after: z.coerce.number().int().min(0).default(0), limit: limitUpTo(200, 100) }),
  reply: z.object({ effects: z.array(Effect), next: z.number().int() }),
  http: { method: 'GET', path: '/v1/tasks/:id/effects' },
});

/** A file name: it is one below a folder of the task's. */
export const ArtifactName = z
  .string()
  .max(128)
  .regex(/^[A-Za-z0-9_][A-Za-z0-9._-]*$/, 'a file name of letters, digits or any of . _ -');

export const ArtifactKind = z.enum(['file', 'handoff', 'commit', 'pull_request']);
export type ArtifactKind = z.infer<typeof ArtifactKind>;

/** What a task left for people, beside its result. */
export const Artifact = z.object({
  name: ArtifactName,
  kind: ArtifactKind,
  /** Of the session that wrote it last. */
  epoch: z.number().int(),
  /** In bytes; 0 for what is kept elsewhere. */
  size: z.number().int(),
  digest: z.string().nullable(),
  /** Where it is, when it is kept elsewhere: a pull request's address, a commit. */
  link: z.string().nullable(),
  at: Instant,
});
export type Artifact = z.infer<typeof Artifact>;

export const sessionsArtifacts = operation('sessions.artifacts', {
  owner: 'agent-runner',
  summary: 'What the sessions of a task left for people: files, the handoff, commits, a pull request.',
  request: z.object({ id: Id }),
  reply: z.object({ artifacts: z.array(Artifact) }),
  http: { method: 'GET', path: '/v1/tasks/:id/artifacts' },
});

/** Over HTTP these are `/v1/tasks/:id/checkpoint/content` and `/v1/tasks/:id/artifacts/:name`: the bytes, in one answer. */
export const sessionsContent = operation('sessions.content', {
  owner: 'agent-runner',
  summary: 'One piece (1 MiB, the last may be shorter) of the last checkpoint of a task, or of an artifact.',
  request: z.object({
    id: Id,
    artifact: ArtifactName.optional(),
    /** As the first piece said: refused with `conflict` when something else has taken its place. */
    digest: z.string().optional(),
    piece: z.number().int().min(0).max(1_000).default(0),
  }),
  reply: z.object({
    digest: z.string(),
    size: z.number().int(),
    pieces: z.number().int().positive(),
    /** Base64. */
    bytes: z.string(),
  }),
});

export const taskHandedOff = fact('task.handed_off', {
  by: 'agent-runner',
  id: 'taskId',
  stream: 'FACTS',
  summary: 'A session left a handoff document for the next one.',
  data: z.object({
    taskId: Id,
    sessionId: Id,
    epoch: z.number().int(),
    /** Why the session ended. */
    reason: z.string(),
    by: z.enum(['program', 'purser']),
    /** Of the control API. */
    link: z.string(),
  }),
});

export const checkpointDamaged = fact('task.damaged', {
  by: 'agent-runner',
  id: 'taskId',
  stream: 'FACTS',
  summary: 'A checkpoint is not what was saved; the task goes on from the one before it.',
  data: z.object({
    taskId: Id,
    epoch: z.number().int(),
    number: z.number().int(),
    digest: z.string(),
    found: z.string(),
  }),
});

export const sessionsForget = operation('sessions.forget', {
  owner: 'agent-runner',
  summary: 'Delete what the sessions of finished tasks left: checkpoints, handoffs, logs. Repeating it is no error.',
  request: z.object({ ids: z.array(Id).min(1).max(500) }),
  reply: z.object({ forgotten: z.number().int() }),
});
