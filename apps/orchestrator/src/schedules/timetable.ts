import { PurserError, type ScheduleSpec } from '@purser/contracts';
import { Cron } from 'croner';

/** When a schedule fires. Times are milliseconds since 1970. */
export type Timetable =
  | { kind: 'cron'; cron: string; timezone: string }
  | { kind: 'every'; ms: number; anchor: number }
  | { kind: 'at'; at: number };

/** The newest fire times of a stretch of time, oldest first, and how many (at least) lie before them in it. */
export interface Stretch {
  fires: number[];
  older: number;
}

/** Those that are passed over are counted so far and no further. */
const MAX_COUNTED = 1_000;

export function timetableOf(spec: ScheduleSpec, anchor: number): Timetable {
  if (spec.cron !== undefined) return { kind: 'cron', cron: spec.cron, timezone: spec.timezone };
  if (spec.everySeconds !== undefined) return { kind: 'every', ms: spec.everySeconds * 1000, anchor };
  return { kind: 'at', at: Date.parse(spec.at ?? '') };
}

/** @throws PurserError `invalid_request` that names the field */
export function requireTimes(spec: ScheduleSpec, now: number): void {
  if (spec.cron !== undefined && firstTime(spec.cron, spec.timezone, now) === null) {
    throw wrong('cron', `"${spec.cron}" names no time that ever comes`);
  }
  if (spec.at !== undefined && Date.parse(spec.at) <= now) {
    throw wrong('at', `${spec.at} has passed; it is ${new Date(now).toISOString()} now`);
  }
}

function firstTime(cron: string, timezone: string, now: number): number | null {
  // croner reads a date too; what is meant once is `at`.
  if (/^\s*\d{4}-/.test(cron)) throw wrong('cron', `"${cron}" is a date; give it as at`);
  try {
    return nextFire({ kind: 'cron', cron, timezone }, now);
  } catch (error) {
    const why = (error as Error).message.replace(/^Cron\w+: /, '');
    throw wrong(
      'cron',
      `"${cron}" is not valid: ${why}; it is five fields such as "30 2 * * 1-5" (minute, hour, day of month, month, day of week), six with seconds before them, or "@daily"`,
      error,
    );
  }
}

const wrong = (field: string, problem: string, cause?: unknown): PurserError =>
  new PurserError('invalid_request', {
    message: `${field}: ${problem}`,
    details: { issues: [{ field, problem }] },
    cause,
  });

/** The first fire time after a moment; null when there is none any more. */
export function nextFire(timetable: Timetable, after: number): number | null {
  switch (timetable.kind) {
    case 'cron':
      return patternOf(timetable).nextRun(new Date(after))?.getTime() ?? null;
    case 'every': {
      const { anchor, ms } = timetable;
      return anchor + Math.max(1, Math.floor((after - anchor) / ms) + 1) * ms;
    }
    case 'at':
      return timetable.at > after ? timetable.at : null;
  }
}

export function nextFires(timetable: Timetable, after: number, count: number): number[] {
  const fires: number[] = [];
  let at = nextFire(timetable, after);
  while (at !== null && fires.length < count) {
    fires.push(at);
    at = nextFire(timetable, at);
  }
  return fires;
}

/** The newest `limit` fire times after `after` and up to `upTo`, found backwards: a long sleep costs no more than a short one. */
export function newestFires(timetable: Timetable, after: number, upTo: number, limit: number): Stretch {
  if (timetable.kind === 'every') return newestOfGrid(timetable, after, upTo, limit);
  if (timetable.kind === 'at')
    return { fires: timetable.at > after && timetable.at <= upTo ? [timetable.at] : [], older: 0 };
  const pattern = patternOf(timetable);
  const fires: number[] = [];
  for (let before = upTo + 1; fires.length < limit + MAX_COUNTED;) {
    const at = pattern.previousRuns(1, new Date(before))[0]?.getTime();
    if (at === undefined || at <= after) break;
    fires.unshift(at);
    before = at;
  }
  const shown = fires.slice(-limit);
  return { fires: shown, older: fires.length - shown.length };
}

function newestOfGrid(
  timetable: Extract<Timetable, { kind: 'every' }>,
  after: number,
  upTo: number,
  limit: number,
): Stretch {
  const first = nextFire(timetable, after) ?? Infinity;
  if (first > upTo) return { fires: [], older: 0 };
  const count = Math.floor((upTo - first) / timetable.ms) + 1;
  const shown = Math.min(limit, count);
  const fires = Array.from({ length: shown }, (_, index) => first + (count - shown + index) * timetable.ms);
  return { fires, older: count - shown };
}

const MAX_KEPT = 500;
const patterns = new Map<string, Cron>();

/**
 * As Vixie's cron has it: a time of day that summer time leaps over is made up for right after the leap, and one that
 * occurs twice is fired once, the first time; what has a `*` or a step for its hour or minute follows the clock on the wall.
 */
function patternOf({ cron, timezone }: { cron: string; timezone: string }): Cron {
  const key = `${timezone} ${cron}`;
  let pattern = patterns.get(key);
  if (!pattern) {
    const [oldest] = patterns.keys();
    if (patterns.size >= MAX_KEPT && oldest !== undefined) patterns.delete(oldest);
    pattern = new Cron(cron, { paused: true, timezone, mode: '5-or-6-parts', fixedTimeRule: 'no-wildcard' });
    patterns.set(key, pattern);
  }
  return pattern;
}
