import { z } from 'zod';
import { fact, operation } from './contract.js';
import { Instant, limitUpTo, Token } from './scalars.js';

export const AlertSeverity = z.enum(['info', 'warning', 'critical']);
export type AlertSeverity = z.infer<typeof AlertSeverity>;

export const AlertState = z.enum(['firing', 'resolved']);
export type AlertState = z.infer<typeof AlertState>;

export const AlertKind = z.string().regex(/^[a-z_]{1,64}$/);

export const Alert = z.object({
  severity: AlertSeverity,
  /** One token, such as `budget_exhausted`, `spike`, `lease_presumed`, `task_rejected`. */
  kind: AlertKind,
  title: z.string(),
  details: z.record(z.string(), z.unknown()),
  /** Of what it is about (`budget/daily/42/critical`): the same when it fires, when it fires again, and when it is over. */
  fingerprint: z.string().default(''),
  /** That an alert is over is told as `alert.info.<kind>`, whatever its severity was. */
  state: AlertState.default('firing'),
  at: Instant,
});
export type Alert = z.infer<typeof Alert>;

/** An alert as it is kept: from its first firing until what it is about is over. */
export const AlertRecord = z.object({
  id: z.string(),
  fingerprint: z.string(),
  severity: AlertSeverity,
  kind: AlertKind,
  title: z.string(),
  details: z.record(z.string(), z.unknown()),
  state: AlertState,
  /** A higher level of the same thing is known to people: nobody is told of this one. */
  silenced: z.boolean(),
  /** How often it was raised while it lasted. */
  count: z.number().int(),
  firedAt: Instant,
  lastAt: Instant,
  resolvedAt: Instant.nullable(),
  /** Why it is over. */
  resolution: z.string().nullable(),
});
export type AlertRecord = z.infer<typeof AlertRecord>;

/** A way to reach people, and how it does. */
export const AlertChannel = z.object({
  name: Token,
  /** The plugin's package or path. */
  use: z.string(),
  /** `failing`: the last attempt failed. `dead`: several in a row did. `unusable`: it could not be loaded or set up. */
  state: z.enum(['ok', 'failing', 'dead', 'unusable']),
  /** What is told by it: this severity and those above. */
  minSeverity: AlertSeverity,
  /** In a row. */
  failures: z.number().int(),
  lastError: z.string().nullable(),
  lastSentAt: Instant.nullable(),
  deadSince: Instant.nullable(),
  /** Notices that wait for their turn or for the next attempt. */
  pending: z.number().int(),
  /** Notices that were given up after many attempts. */
  givenUp: z.number().int(),
});
export type AlertChannel = z.infer<typeof AlertChannel>;

export const alertsList = operation('alerts.list', {
  owner: 'cost-watchdog',
  summary: 'Alerts, open and past, newest first; and the channels that reach nobody.',
  request: z.object({
    state: AlertState.optional(),
    severity: AlertSeverity.optional(),
    kind: AlertKind.optional(),
    since: Instant.optional(),
    limit: limitUpTo(500, 50),
    before: z.string().regex(/^\d+$/).optional(),
  }),
  reply: z.object({ alerts: z.array(AlertRecord), next: z.string().nullable(), deadChannels: z.array(Token) }),
  http: { method: 'GET', path: '/v1/alerts' },
});

export const alertsChannels = operation('alerts.channels', {
  owner: 'cost-watchdog',
  summary: 'The channels by which people are told, and how each of them does.',
  request: z.object({}),
  reply: z.object({ channels: z.array(AlertChannel) }),
  http: { method: 'GET', path: '/v1/alerts/channels' },
});

export const alertsTest = operation('alerts.test', {
  owner: 'cost-watchdog',
  summary: 'Send a test notice through every channel, or one, now; answered when each has taken or refused it.',
  request: z.object({ channel: Token.optional() }),
  reply: z.object({
    results: z.array(
      z.object({ channel: Token, ok: z.boolean(), error: z.string().nullable(), tookMs: z.number().int() }),
    ),
  }),
  http: { method: 'POST', path: '/v1/alerts/test' },
});

const alert = (severity: AlertSeverity, summary: string) =>
  fact(`alert.${severity}`, { by: 'cost-watchdog', id: 'kind', stream: 'FACTS', summary, data: Alert });

export const alertInfo = alert('info', 'Worth knowing.');
export const alertWarning = alert('warning', 'Somebody should look today.');
export const alertCritical = alert('critical', 'Somebody should look now.');
export const alertFacts = { info: alertInfo, warning: alertWarning, critical: alertCritical };
