import { z } from 'zod';
import { fact, operation } from './contract.js';
import { Id, Instant, limitUpTo, Token, Usd } from './scalars.js';

/**
 * The durable emergency state. Of two, the one with the higher serial holds; of two with the same serial the cleared one,
 * so a replayed broadcast of an emergency that is over does nothing.
 */
export const Latch = z.object({
  serial: z.number().int().nonnegative(),
  active: z.boolean(),
  by: z.string(),
  reason: z.string(),
  at: Instant,
});
export type Latch = z.infer<typeof Latch>;

export const Acknowledgement = z.object({
  serial: z.number().int(),
  service: Token,
  instance: Token,
  at: Instant,
  /** What it stopped, in words a person can check: `session 7f3 of task nightly`, `2 paid calls`. */
  stopped: z.array(z.string()),
});
export type Acknowledgement = z.infer<typeof Acknowledgement>;

/** The stores of the latch take nothing else, and one that only some of them took could not be cleared. */
const STORABLE = /^[^\0]*$/;
const NO_NUL = 'text without NUL characters';

/** Who did it and why, in a person's words; both are kept. */
export const Decision = z.strictObject({
  by: z
    .string({ error: 'your name, such as "ada"' })
    .min(1, 'your name, such as "ada"')
    .max(200)
    .regex(STORABLE, NO_NUL),
  reason: z.string({ error: 'why, in a sentence' }).min(1, 'why, in a sentence').max(2000).regex(STORABLE, NO_NUL),
});

export const emergencyTrigger = operation('emergency.trigger', {
  owner: 'cost-watchdog',
  summary: 'Set the latch: agents stop, paid calls are cancelled and refused, nothing starts until a person resets it.',
  request: Decision,
  reply: Latch,
  http: { method: 'POST', path: '/v1/emergency/trigger' },
});

export const emergencyReset = operation('emergency.reset', {
  owner: 'cost-watchdog',
  summary: 'Clear the latch.',
  request: Decision,
  reply: Latch,
  http: { method: 'POST', path: '/v1/emergency/reset' },
});

export const emergencyStatus = operation('emergency.status', {
  owner: 'cost-watchdog',
  summary: 'The latch, and who acknowledged the last emergency with what.',
  request: z.object({}),
  reply: z.object({ latch: Latch, acknowledgements: z.array(Acknowledgement) }),
  http: { method: 'GET', path: '/v1/emergency' },
});

export const emergencyShutdown = fact('emergency.shutdown', {
  by: 'cost-watchdog',
  stream: 'FACTS',
  summary: 'The latch is set: every service stops what costs money, by itself, and acknowledges.',
  data: Latch,
});

export const emergencyCleared = fact('emergency.cleared', {
  by: 'cost-watchdog',
  stream: 'FACTS',
  summary: 'A person reset the latch.',
  data: Latch,
});

export const emergencyAcknowledged = fact('emergency.acknowledged', {
  by: 'every service',
  id: 'service.instance',
  stream: 'FACTS',
  summary: 'A service has stopped what it runs.',
  data: Acknowledgement,
});

/**
 * `stopped`: it ended in order. `killed`: by force. `gone`: it had ended by itself. `alive`: it could not be stopped.
 * `protected`, `left`, `over_cap`: it was not touched, since it may not be, is not chosen, or there were too many.
 * `would_stop`: in a drill.
 */
export const TargetFate = z.enum(['stopped', 'killed', 'gone', 'alive', 'protected', 'left', 'over_cap', 'would_stop']);
export type TargetFate = z.infer<typeof TargetFate>;

/** Something that ran outside of Purser's own services when the emergency came. */
export const ShutdownTarget = z.object({
  kind: z.enum(['container', 'process']),
  /** Of the container, or the pid. */
  id: z.string(),
  name: z.string(),
  fate: TargetFate,
  /** In words: why it was chosen or left, what was done, how to undo it. */
  detail: z.string(),
  at: Instant,
  /** The watchdog that saw it: each looks at its own machine. */
  watchdog: Token,
  /** What it costs while it runs, when somebody said so. */
  usdPerHour: Usd.nullable(),
});
export type ShutdownTarget = z.infer<typeof ShutdownTarget>;

/** A service instance, as its heartbeats name it. */
export const ServiceInstance = z.object({ service: Token, instance: Token });
export type ServiceInstance = z.infer<typeof ServiceInstance>;

export const StandingCost = z.object({ what: z.string(), usdPerHour: Usd.nullable() });
export type StandingCost = z.infer<typeof StandingCost>;

export const EmergencyReport = z.object({
  /** `emergency_<time at which the latch was set>`, also the name of its files. */
  id: Id,
  latch: Latch,
  /** When each step of the shutdown was over, for each watchdog. */
  steps: z.array(z.object({ step: z.string(), at: Instant, watchdog: Token })),
  /** By the hour of use, the 48 hours before; hours without spend are left out. */
  history: z.array(z.object({ hour: Instant, usd: Usd })),
  /** In the hour before the latch was set. */
  byModel: z.array(z.object({ provider: z.string(), model: z.string(), usd: Usd, requests: z.number().int() })),
  /** What the rule that set the latch had to go by; null when it was a person or a budget. */
  evidence: z.object({ title: z.string(), details: z.record(z.string(), z.unknown()) }).nullable(),
  targets: z.array(ShutdownTarget),
  acknowledgements: z.array(Acknowledgement),
  /** Alive when the latch was set, and silent since. */
  missing: z.array(ServiceInstance),
  stillCosting: z.object({
    /** Of all whose price is known. */
    usdPerHour: Usd,
    items: z.array(StandingCost),
  }),
  /** What could not be looked at or done. */
  problems: z.array(z.string()),
});
export type EmergencyReport = z.infer<typeof EmergencyReport>;

export const emergencyDrill = operation('emergency.drill', {
  owner: 'cost-watchdog',
  summary: 'What an emergency would stop now: it looks at everything as a real one does, and touches nothing.',
  request: z.object({}),
  reply: z.object({
    at: Instant,
    watchdog: Token,
    /** Where Docker is looked for, or why it is not. */
    docker: z.string(),
    targets: z.array(ShutdownTarget),
    /** Those that would be told, and are expected to acknowledge. */
    services: z.array(ServiceInstance),
    problems: z.array(z.string()),
  }),
  http: { method: 'POST', path: '/v1/emergency/drill' },
});

export const reportsList = operation('reports.list', {
  owner: 'cost-watchdog',
  summary: 'The reports of emergencies, newest first.',
  request: z.object({ limit: limitUpTo(500, 50) }),
  reply: z.object({
    reports: z.array(
      z.object({
        id: Id,
        serial: z.number().int(),
        at: Instant,
        by: z.string(),
        reason: z.string(),
        stopped: z.number().int(),
        alive: z.number().int(),
        missing: z.number().int(),
      }),
    ),
  }),
  http: { method: 'GET', path: '/v1/emergency/reports' },
});

export const reportsGet = operation('reports.get', {
  owner: 'cost-watchdog',
  summary: 'One report of an emergency, as data and as a page to read.',
  request: z.object({ id: Id }),
  reply: z.object({ report: EmergencyReport, html: z.string() }),
  http: { method: 'GET', path: '/v1/emergency/reports/:id' },
});
