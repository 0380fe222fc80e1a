import { randomUUID } from 'node:crypto';
import type { AlertSeverity, AlertState } from '@purser/contracts';
import type { Notice } from '@purser/plugin-sdk';
import type { AlertRow } from './alert-row.js';
import { severityRank } from './telling.js';

/** A notice as its table has it. */
export interface StoredNotice extends Omit<Notice, 'at'> {
  at: string;
}

export const noticeOf = (stored: StoredNotice): Notice => ({ ...stored, at: new Date(stored.at) });

type Told = Pick<
  AlertRow,
  | 'fingerprint'
  | 'severity'
  | 'kind'
  | 'title'
  | 'details'
  | 'count'
  | 'fired_at'
  | 'last_fired_at'
  | 'resolved_at'
  | 'resolution'
>;

/** What a person would have to scroll through is in `purser alerts list`. */
const MOST_LINES = 30;

/** One notice for what is told together: that these fire, or that they are over. */
export function noticeFor(state: AlertState, alerts: readonly Told[], id: string = randomUUID()): StoredNotice {
  const [first, ...others] = alerts;
  if (!first) throw new Error('a notice is about something');
  return others.length === 0 ? ofOne(id, state, first) : ofSeveral(id, state, alerts);
}

function ofOne(id: string, state: AlertState, alert: Told): StoredNotice {
  const { fingerprint, severity, kind, title, details } = alert;
  return {
    id,
    fingerprint,
    state,
    severity,
    kind,
    title: state === 'resolved' ? `Over: ${title}` : title,
    text: textOf(state, alert),
    details,
    at: momentOf(state, alert).toISOString(),
  };
}

function ofSeveral(id: string, state: AlertState, alerts: readonly Told[]): StoredNotice {
  const ordered = [...alerts].sort((a, b) => severityRank(b.severity) - severityRank(a.severity));
  const severity: AlertSeverity = ordered[0]?.severity ?? 'info';
  const worst = ordered[0]?.title ?? '';
  const lines = ordered.slice(0, MOST_LINES).map((one) => `${one.severity}: ${one.title}${because(state, one)}`);
  const more = alerts.length - lines.length;
  return {
    id,
    fingerprint: `group/${id}`,
    state,
    severity,
    kind: 'group',
    title:
      state === 'resolved'
        ? `${alerts.length} alerts are over, among them: ${worst}`
        : `${alerts.length} alerts, first of all: ${worst}`,
    text: [...lines, ...(more > 0 ? [`and ${more} more`] : [])].join('\n'),
    details: { fingerprints: alerts.map(({ fingerprint }) => fingerprint).slice(0, 200) },
    at: new Date(Math.max(...alerts.map((one) => momentOf(state, one).getTime()))).toISOString(),
  };
}

const momentOf = (state: AlertState, alert: Told): Date =>
  state === 'resolved' ? (alert.resolved_at ?? alert.last_fired_at) : alert.last_fired_at;

const because = (state: AlertState, { resolution }: Told): string =>
  state === 'resolved' && resolution !== null ? ` (${resolution})` : '';

function textOf(state: AlertState, alert: Told): string {
  const { title, count, fired_at, resolution } = alert;
  const often = count > 1 ? `Raised ${count} times since ${fired_at.toISOString()}.` : undefined;
  if (state === 'firing') return [title, often].filter((line) => line !== undefined).join('\n');
  return [title, `Fired ${fired_at.toISOString()}.`, resolution ?? undefined]
    .filter((line) => line !== undefined)
    .join('\n');
}

/** What a person asked for, to see whether it arrives. */
export function testNotice(instance: string, now: Date): StoredNotice {
  const id = randomUUID();
  return {
    id,
    fingerprint: `test/${id}`,
    state: 'test',
    severity: 'info',
    kind: 'test',
    title: 'Test: Purser reaches you by this channel',
    text: `Somebody ran "purser alerts test". Sent by the cost-watchdog ${instance}.`,
    details: {},
    at: now.toISOString(),
  };
}
