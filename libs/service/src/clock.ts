/** Where rules get their time from, so that specs can set it. */
export abstract class Clock {
  /** Wall time. */
  abstract now(): Date;
  /** Milliseconds that only ever grow, also when the wall clock is set back. */
  abstract monotonic(): number;
}

export const systemClock: Clock = {
  now: () => new Date(),
  monotonic: () => performance.now(),
};
