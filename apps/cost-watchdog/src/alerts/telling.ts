import type { AlertSeverity } from '@purser/contracts';
import type { AlertsFile } from './alerts-file.js';
import { afterQuietHours } from './quiet-hours.js';

const MINUTE = 60_000;

/** What is known when an alert is raised. */
export interface Raised {
  now: Date;
  /** It is not open yet. */
  fresh: boolean;
  /** When it last counted as firing, in this or an earlier life; null when it never did. */
  lastFiredAt: Date | null;
  /** A higher level of the same thing is open. */
  silenced: boolean;
  /** It goes on until it is said to be over; otherwise each time that it is raised is one more that it happened. */
  lasts: boolean;
  /** Each time that it is raised is news, whatever the cooldown. */
  urgent: boolean;
}

export interface Verdict {
  /** Whether tools are told: `alert.*` on the bus. */
  publish: boolean;
  /** When people are told; undefined: they are not. */
  tellAt: Date | undefined;
}

/**
 * An alert fires when it opens, and again when it is raised after its cooldown. Tools hear of each firing at once, and of
 * each time that something happened. People are told when the cooldown allows it, if it is open then; not at all where a
 * higher level is known.
 */
export function verdictOn(raised: Raised, file: AlertsFile): Verdict {
  const { now, fresh, lastFiredAt, silenced, urgent } = raised;
  const cooled = lastFiredAt === null || urgent ? now : new Date(lastFiredAt.getTime() + file.cooldownMinutes * MINUTE);
  const firesAgain = cooled <= now;
  if (!fresh && (!firesAgain || silenced)) return { publish: !raised.lasts, tellAt: undefined };
  return { publish: true, tellAt: silenced ? undefined : latest(now, cooled) };
}

/** When a telling is due: at channels that tell each alert by itself, and at those that wait for what belongs together. */
export interface Due {
  single: Date;
  grouped: Date;
}

/** Of a firing alert, by the channel's quiet hours and without them. Critical ones wait for neither their end nor company. */
export function dueWhenFiring(tellAt: Date, severity: AlertSeverity, file: AlertsFile): { quiet: Due; always: Due } {
  if (severity === 'critical') {
    const atOnce = { single: tellAt, grouped: tellAt };
    return { quiet: atOnce, always: atOnce };
  }
  const always = dueFrom(tellAt, file);
  return { quiet: dueFrom(afterQuietHours(file.quietHours, file.timezone, tellAt), file), always };
}

/** Of the end of an alert. Closing an incident wakes nobody; a message that it is over would, and can wait. */
export function dueWhenResolved(now: Date, file: AlertsFile): { quiet: Due; always: Due } {
  const always = dueFrom(now, file);
  const later = dueFrom(afterQuietHours(file.quietHours, file.timezone, now), file);
  return { quiet: { single: always.single, grouped: later.grouped }, always };
}

const dueFrom = (at: Date, { groupSeconds }: AlertsFile): Due => ({
  single: at,
  grouped: new Date(at.getTime() + groupSeconds * 1_000),
});

const latest = (one: Date, other: Date): Date => (one > other ? one : other);

const RANKS: Record<AlertSeverity, number> = { info: 0, warning: 1, critical: 2 };
export const severityRank = (severity: AlertSeverity): number => RANKS[severity];

/** Over about half a day. */
export const MOST_ATTEMPTS = 30;
const FIRST_WAIT_MS = 5_000;
const LONGEST_WAIT_MS = 60 * MINUTE;

/** Doubles from 5 s up to an hour; somewhere in its upper half, so that what failed together does not come together. */
export function waitBeforeAttempt(attempt: number, random: number): number {
  const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(attempt - 1, 20));
  return Math.round(longest * (0.5 + random / 2));
}

/** A channel that failed so often in a row is dead: the others tell so. */
export const DEAD_AFTER_FAILURES = 3;
