import { type BudgetPeriod, WeekDay } from '@purser/contracts';

export interface Range {
  startsAt: Date;
  /** Null for a window that never ends: `total`, and a rolling one, whose start moves. */
  endsAt: Date | null;
}

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;
const DAY = 24 * HOUR;
const BEGINNING = new Date(0);

/**
 * The window of a period that holds `at`. Calendar periods begin at the first instant of a local day, weeks at that of
 * `weekStart`.
 */
export function windowAt(period: BudgetPeriod, timezone: string, at: Date, weekStart: WeekDay = 'monday'): Range {
  if (typeof period === 'object') return { startsAt: rollingStart(period.hours, at), endsAt: null };
  if (period === 'total') return { startsAt: BEGINNING, endsAt: null };
  const today = localDay(at, timezone);
  const [first, next] = daysOf(period, today, WeekDay.options.indexOf(weekStart));
  return { startsAt: firstInstant(first, timezone), endsAt: firstInstant(next, timezone) };
}

/**
 * Whole hours, so that expired spend leaves in hourly buckets: a rolling window holds at least its length
 * and at most an hour more, and in no span of its length can more than its limit be spent.
 */
export function rollingStart(hours: number, at: Date): Date {
  return new Date(Math.floor((at.getTime() - hours * HOUR) / HOUR) * HOUR);
}

/** Days since 1970-01-01 in the local calendar: the first of the period, and the first of the next one. */
function daysOf(period: 'day' | 'week' | 'month', day: number, weekStart: number): [number, number] {
  if (period === 'day') return [day, day + 1];
  if (period === 'week') {
    const first = day - ((day + 10 - weekStart) % 7); // 1970-01-01 was a Thursday, three days after Monday.
    return [first, first + 7];
  }
  const date = new Date(day * DAY);
  const month = (offset: number) => Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + offset, 1) / DAY;
  return [month(0), month(1)];
}

const formats = new Map<string, Intl.DateTimeFormat>();

function localDay(at: Date, timezone: string): number {
  let format = formats.get(timezone);
  if (!format) {
    format = new Intl.DateTimeFormat('en-US-u-ca-iso8601-nu-latn', {
      timeZone: timezone,
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
    });
    formats.set(timezone, format);
  }
  const part: Record<string, number> = {};
  for (const { type, value } of format.formatToParts(at)) part[type] = Number(value);
  return Date.UTC(part.year ?? NaN, (part.month ?? NaN) - 1, part.day ?? NaN) / DAY;
}

/**
 * Searched, not computed from offsets: midnight may not exist (clocks go forward at 00:00), may come twice,
 * or a whole day may be missing; the first second whose local day is not before the wanted one is right in all cases.
 */
function firstInstant(day: number, timezone: string): Date {
  let before = day * DAY - 36 * HOUR;
  let after = day * DAY + 36 * HOUR;
  while (after - before > SECOND) {
    const middle = Math.floor((before + after) / 2 / SECOND) * SECOND;
    if (localDay(new Date(middle), timezone) < day) before = middle;
    else after = middle;
  }
  return new Date(after);
}
