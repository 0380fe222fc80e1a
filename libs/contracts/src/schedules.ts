import { z } from 'zod';
import { TimeZone } from './budgets.js';
import { fact, operation } from './contract.js';
import { Id, Instant, limitUpTo } from './scalars.js';
import { TaskSpec } from './tasks.js';

/** Shorter than a task's, whose ids are made of it: `<schedule>-20261129T013000Z`. */
export const ScheduleId = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,40}$/, '1 to 40 letters, digits, "-" or "_" (for example "nightly-review")');

const {
  id: _id,
  dependsOn: _dependsOn,
  onDependencyFailure: _onDependencyFailure,
  notBefore: _notBefore,
  deadline: _deadline,
  parent: _parent,
  ...taskShape
} = TaskSpec.shape;

/** What each fire submits. Its id, what it waits for and its times come from the fire. */
export const ScheduledTask = z.strictObject(taskShape);
export type ScheduledTask = z.output<typeof ScheduledTask>;

/** When a fire finds a task of an earlier one that has not ended: no task, one that waits for it, or one in its place. */
export const Overlap = z.enum(['skip', 'queue', 'cancel']);
export type Overlap = z.infer<typeof Overlap>;

/** Of the fire times that passed while nobody could fire: none of them, the last, or all of them. */
export const CatchUp = z.enum(['none', 'last', 'all']);
export type CatchUp = z.infer<typeof CatchUp>;

const timing = {
  /** Five fields (minute, hour, day of month, month, day of week), six with seconds before them, or `@daily` and its like. */
  cron: z.string().min(1).max(200).optional(),
  /** What `cron` is read in. */
  timezone: TimeZone.default('UTC'),
  /** Counted from when the schedule was made. */
  everySeconds: z.number().int().min(1).max(31_622_400).optional(),
  /** Once. */
  at: Instant.optional(),
};

const rules = {
  overlap: Overlap.default('skip'),
  catchUp: CatchUp.default('last'),
  /** Of `all`, the newest so many. */
  catchUpLimit: z.number().int().min(1).max(1_000).default(100),
  /** With `none`, how late a fire may be and still count as on time. */
  graceSeconds: z.number().int().min(1).max(86_400).default(60),
  /** Each task starts up to so much later: as the schedule's id and the fire time have it, so always the same. */
  jitterSeconds: z.number().int().min(0).max(86_400).default(0),
  /** Each task fails that is not done so long after its fire time. */
  deadlineSeconds: z.number().int().positive().max(31_622_400).optional(),
};

const WAYS = ['cron', 'everySeconds', 'at'] as const;

/** When to do what. Exactly one of `cron`, `everySeconds` and `at`. */
export const ScheduleSpec = z
  .strictObject({ id: ScheduleId, ...timing, task: ScheduledTask, ...rules })
  .superRefine((spec, context) => {
    const given = WAYS.filter((way) => spec[way] !== undefined);
    if (given.length === 1) return;
    const message =
      given.length === 0 ? 'give one of cron, everySeconds and at' : `give only one of ${given.join(' and ')}`;
    context.addIssue({ code: 'custom', path: [given[1] ?? 'cron'], message });
  });
export type ScheduleSpec = z.output<typeof ScheduleSpec>;
export type ScheduleSpecInput = z.input<typeof ScheduleSpec>;

export const ScheduleFire = z.object({
  /** The time it was for; of a trigger, when it was asked for. */
  at: Instant,
  outcome: z.enum(['fired', 'skipped', 'refused']),
  taskId: Id.nullable(),
  /** Why there is no task, or what it waits for. */
  reason: z.string().nullable(),
  /** By `schedules.trigger`. */
  manual: z.boolean(),
  /** When it was fired in fact. */
  firedAt: Instant,
});
export type ScheduleFire = z.infer<typeof ScheduleFire>;

export const Schedule = z.object({
  id: ScheduleId,
  ...timing,
  cron: z.string().nullable(),
  everySeconds: z.number().int().nullable(),
  at: Instant.nullable(),
  task: ScheduledTask,
  ...rules,
  deadlineSeconds: z.number().int().nullable(),
  /** `ended`: no fire time is left. */
  state: z.enum(['active', 'paused', 'ended']),
  pausedReason: z.string().nullable(),
  /** The next five fire times, without jitter; none while it is paused. */
  next: z.array(Instant),
  lastFire: ScheduleFire.nullable(),
  /** Fire times that passed and were not caught up; at least so many. */
  missed: z.number().int(),
  createdAt: Instant,
  updatedAt: Instant,
});
export type Schedule = z.infer<typeof Schedule>;

const byId = z.object({ id: ScheduleId });

export const schedulesCreate = operation('schedules.create', {
  owner: 'orchestrator',
  summary: 'Make a schedule. The same id with the same content twice is one schedule.',
  request: ScheduleSpec,
  reply: Schedule,
  http: { method: 'POST', path: '/v1/schedules', status: 201 },
});

export const schedulesUpdate = operation('schedules.update', {
  owner: 'orchestrator',
  summary: 'Put another timetable, task or policy in the place of a schedule; what is left out gets its default.',
  request: ScheduleSpec,
  reply: Schedule,
  http: { method: 'PUT', path: '/v1/schedules/:id' },
});

export const schedulesList = operation('schedules.list', {
  owner: 'orchestrator',
  summary: 'Schedules by id; `next` continues the list.',
  request: z.object({ limit: limitUpTo(500, 100), after: ScheduleId.optional() }),
  reply: z.object({ schedules: z.array(Schedule), next: ScheduleId.nullable() }),
  http: { method: 'GET', path: '/v1/schedules' },
});

export const schedulesGet = operation('schedules.get', {
  owner: 'orchestrator',
  summary: 'One schedule, its next fire times and its last 20 fires.',
  request: byId,
  reply: z.object({ schedule: Schedule, fires: z.array(ScheduleFire) }),
  http: { method: 'GET', path: '/v1/schedules/:id' },
});

export const schedulesDelete = operation('schedules.delete', {
  owner: 'orchestrator',
  summary: 'Remove a schedule; tasks that it made stay as they are.',
  request: byId,
  reply: z.object({ id: ScheduleId, deleted: z.boolean() }),
  http: { method: 'DELETE', path: '/v1/schedules/:id' },
});

export const schedulesPause = operation('schedules.pause', {
  owner: 'orchestrator',
  summary: 'Fire no more until it is resumed. Pausing twice is no error.',
  request: z.object({ id: ScheduleId, reason: z.string().min(1).max(500).default('by a person') }),
  reply: Schedule,
  http: { method: 'POST', path: '/v1/schedules/:id/pause' },
});

export const schedulesResume = operation('schedules.resume', {
  owner: 'orchestrator',
  summary: 'Fire again, from the next fire time on; what passed in the pause is not caught up.',
  request: byId,
  reply: Schedule,
  http: { method: 'POST', path: '/v1/schedules/:id/resume' },
});

export const schedulesTrigger = operation('schedules.trigger', {
  owner: 'orchestrator',
  summary: 'Fire now, also while it is paused; its rule on overlaps holds, and its timetable goes on unchanged.',
  request: byId,
  reply: ScheduleFire,
  http: { method: 'POST', path: '/v1/schedules/:id/trigger' },
});

/** One that misses it finds the change when it looks next, within half a minute. */
export const schedulesChanged = fact('schedules.changed', {
  by: 'orchestrator',
  summary: 'Schedules were made or changed: every orchestrator looks when the next one is due.',
  data: z.object({}),
});
