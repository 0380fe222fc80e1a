import { createHash } from 'node:crypto';
import type { AlertSeverity } from '@purser/contracts';

/** What a rule, a service or a person's deed gives rise to. */
export interface NewAlert {
  severity: AlertSeverity;
  kind: string;
  title: string;
  details: Record<string, unknown>;
  /**
   * What it is about: a gateway, a task, a source. Raised again about the same thing while it lasts, it is the same alert,
   * however its title changes. Left out, it is about what its title says.
   */
  about?: string | undefined;
  /**
   * Lasts until somebody says that it is over (`AlertsService.resolve`). Otherwise it is something that happened: it is
   * over, and told to nobody, when it was not raised again for the length of the cooldown.
   */
  lasts?: boolean | undefined;
}

/** One step of something that has levels in periods: a budget in its window. */
export interface LevelOf {
  /** What has the level: `budget/daily`. */
  topic: string;
  /** Within another period it is another alert, and those of earlier periods are over. */
  period: string;
  /** Higher ones silence lower ones. */
  rank: number;
  /** Of the level: `critical`. */
  level: string;
}

export interface Identity {
  topic: string;
  period: string;
  rank: number;
  fingerprint: string;
}

/** What the kinds mean that are raised where nothing more is said of them. */
interface KindRule {
  about?: string;
  lasts?: boolean;
  /** Each time that it is raised is news, whatever the cooldown. */
  urgent?: boolean;
  /** Alerts of these kinds about the same thing are over by this one. */
  ends?: readonly string[];
}

/** All that an emergency is known by: one thing, which a person ends. */
const LATCH = 'latch';

const KINDS: Readonly<Record<string, KindRule>> = {
  emergency: { about: LATCH, lasts: true, urgent: true },
  spike: { about: LATCH, lasts: true, urgent: true },
  emergency_cleared: { about: LATCH, ends: ['emergency', 'spike'], urgent: true },
  lease_presumed: { lasts: true },
  lease_released: { ends: ['lease_presumed'], urgent: true },
  cost_source_failed: { lasts: true },
  cost_source_stale: { lasts: true },
  cost_source_recovered: { ends: ['cost_source_failed', 'cost_source_stale'] },
  cost_drift: { lasts: true },
  cost_drift_ended: { ends: ['cost_drift'] },
};

const ruleOf = (kind: string): KindRule => (Object.hasOwn(KINDS, kind) ? KINDS[kind] : undefined) ?? {};

export const lasts = (alert: NewAlert): boolean => alert.lasts ?? ruleOf(alert.kind).lasts ?? false;

export const isUrgent = ({ kind }: Pick<NewAlert, 'kind'>): boolean => ruleOf(kind).urgent ?? false;

export function identityOf(alert: NewAlert): Identity {
  const topic = topicOf(alert.kind, alert.about ?? ruleOf(alert.kind).about ?? hash(alert.title));
  return { topic, period: '', rank: 0, fingerprint: topic };
}

export const levelIdentity = ({ topic, period, rank, level }: LevelOf): Identity => ({
  topic,
  period,
  rank,
  fingerprint: `${topic}/${period}/${level}`,
});

export const topicOf = (kind: string, about: string): string => `${kind}/${token(about)}`;

/** The topics that are over because this was raised. */
export function topicsEndedBy(alert: NewAlert): string[] {
  const { about, ends = [] } = ruleOf(alert.kind);
  const of = alert.about ?? about;
  return of === undefined ? [] : ends.map((kind) => topicOf(kind, of));
}

/** Short, and of one word, whatever it is made from: fingerprints are keys at other services. */
const token = (about: string): string => (/^[\w.:@-]{1,80}$/.test(about) ? about : hash(about));

const hash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16);
