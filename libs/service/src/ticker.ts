/** A run that ends late in a period is followed by the tick after the next one. */
const TOO_SOON = 1 / 4;

/** Milliseconds until the next whole multiple of `ms` on the clock of this process. */
export function untilTick(ms: number, now = performance.now()): number {
  const left = ms - (now % ms);
  return Math.ceil(left < ms * TOO_SOON ? left + ms : left);
}

/**
 * Like setInterval, but on whole multiples of the period since the process began: what all services of a process do by the
 * clock falls on the same moments, so that an idle one wakes up once or twice a second instead of twenty times.
 */
export class Ticker {
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly everyMs: number,
    private readonly work: () => void,
  ) {}

  start(): void {
    this.timer = setTimeout(() => {
      this.start();
      this.work();
    }, untilTick(this.everyMs));
  }

  stop(): void {
    clearTimeout(this.timer);
  }
}
