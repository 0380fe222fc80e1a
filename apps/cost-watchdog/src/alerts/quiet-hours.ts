import { localTime } from './local-time.js';

const MINUTE = 60_000;
/** A day has 25 hours where clocks are set back; where they jump, the end may come an hour later still. */
const MOST_MINUTES = 26 * 60;

export interface QuietHours {
  from: string;
  to: string;
}

/** Whether `at` lies in the quiet hours, which may go over midnight. From and to the same means never. */
export function isQuiet({ from, to }: QuietHours, timezone: string, at: Date): boolean {
  const { time } = localTime(at, timezone);
  return from <= to ? time >= from && time < to : time >= from || time < to;
}

/**
 * When people may be told of what happened at `at`. Looked for minute by minute on the wall clock, which is right also
 * where it is set forward over the end of the quiet hours, or back into them.
 */
export function afterQuietHours(hours: QuietHours | undefined, timezone: string, at: Date): Date {
  if (!hours || !isQuiet(hours, timezone, at)) return at;
  const minute = Math.floor(at.getTime() / MINUTE) * MINUTE;
  for (let n = 1; n <= MOST_MINUTES; n++) {
    const then = new Date(minute + n * MINUTE);
    if (!isQuiet(hours, timezone, then)) return then;
  }
  return at;
}
