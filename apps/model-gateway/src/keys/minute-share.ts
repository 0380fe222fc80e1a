export interface Amounts {
  requests: number;
  tokens: number;
}

const NOTHING: Amounts = { requests: 0, tokens: 0 };

/**
 * What this gateway holds of one key's minute. It can be spent until the minute ends by Postgres' clock and never after,
 * so that all gateways together spend no more than the minute has.
 */
export class MinuteShare {
  /** Counts the key's minutes; undefined before the first. */
  minute: number | undefined;
  /** By the monotonic clock of this process, and never later than Postgres has it. */
  endsAt = -Infinity;
  usedAt = -Infinity;
  private held: Amounts = { ...NOTHING };

  isOver(now: number): boolean {
    return now >= this.endsAt;
  }

  /** Takes all that a call needs, or nothing. */
  spend(need: Amounts, now: number): boolean {
    const { held } = this;
    if (this.isOver(now) || held.requests < need.requests || held.tokens < need.tokens) return false;
    held.requests -= need.requests;
    held.tokens -= need.tokens;
    this.usedAt = now;
    return true;
  }

  /** What is missing for it. */
  shortOf(need: Amounts, now: number): Amounts {
    const held = this.isOver(now) ? NOTHING : this.held;
    return {
      requests: Math.max(0, need.requests - held.requests),
      tokens: Math.max(0, need.tokens - held.tokens),
    };
  }

  add(minute: number, endsAt: number, granted: Amounts): void {
    if (minute !== this.minute) {
      this.minute = minute;
      this.held = { ...NOTHING };
    }
    this.endsAt = endsAt;
    this.held.requests += granted.requests;
    this.held.tokens += granted.tokens;
  }

  /** A call of that minute took so many tokens fewer than its bound (below zero: more). */
  refund(minute: number, tokens: number): void {
    if (minute === this.minute) this.held.tokens += tokens;
  }

  /** All that it holds; undefined when that is nothing. What is held after it is over is worth nothing. */
  takeOut(now: number): Amounts | undefined {
    const { held } = this;
    this.held = { ...NOTHING };
    return this.isOver(now) || (held.requests === 0 && held.tokens === 0) ? undefined : held;
  }

  get holds(): Readonly<Amounts> {
    return this.held;
  }
}
