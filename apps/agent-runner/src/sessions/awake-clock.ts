import type { Clock } from '@purser/service';

/** Longer than a busy process is kept from its timers. */
export const STANDSTILL_MS = 2_000;

/**
 * Counts the time in which this process ran. A machine that sleeps stops its monotonic clock by itself on most systems,
 * but not on all, and a process that was stopped or had no processor for long is as good as asleep: what it held before,
 * it may hold still, and asks instead of giving it up. What another runner took over meanwhile is refused by the fence.
 */
export class AwakeClock implements Clock {
  private stoodStill = 0;
  private lastLook: number | undefined;

  constructor(private readonly clock: Clock) {}

  now(): Date {
    return this.clock.now();
  }

  monotonic(): number {
    const now = this.clock.monotonic();
    if (this.lastLook !== undefined) {
      if (now - this.lastLook > STANDSTILL_MS) this.stoodStill += now - this.lastLook;
      this.lastLook = now;
    }
    return now - this.stoodStill;
  }

  /** From now on somebody looks at it all the time, so that a long time without a look is a standstill. */
  watched(): void {
    this.lastLook ??= this.clock.monotonic();
  }

  unwatched(): void {
    this.lastLook = undefined;
  }

  /** Milliseconds, from the start; grows when a standstill is noticed. */
  get stoodStillMs(): number {
    return this.stoodStill;
  }
}
