const DAY = 86_400_000;
/** What was used on these last days still changes with every refresh. */
const FAST_DAYS = 3;
/** Books of a month are closed some days after its end: until then it is read, too. */
const CLOSING_DAYS = 7;

export interface Period {
  from: Date;
  to: Date;
  /** All that is not closed yet, not only the days that change fast. */
  whole: boolean;
}

export const dayOf = (at: Date): Date => new Date(Math.floor(at.getTime() / DAY) * DAY);
export const dayText = (at: Date): string => at.toISOString().slice(0, 10);
export const monthText = (at: Date): string => at.toISOString().slice(0, 7);

/** The days (UTC) to read now: once a day, and at first, everything that is open; in between the last days alone. */
export function periodToRead(now: Date, wholeAt: Date | null): Period {
  const today = dayOf(now);
  const to = new Date(today.getTime() + DAY);
  const whole = wholeAt === null || wholeAt < today;
  if (!whole) return { from: new Date(today.getTime() - (FAST_DAYS - 1) * DAY), to, whole };
  const closing = now.getUTCDate() <= CLOSING_DAYS ? 1 : 0;
  return { from: new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - closing, 1)), to, whole };
}
