import type { ProviderLimits } from '@purser/plugin-host';

const MINUTE_MS = 60_000;

/** What fills up evenly over a minute. It may be overdrawn by one taking, which later ones then wait for. */
class Bucket {
  private level: number;
  private at: number;

  constructor(
    private readonly perMinute: number,
    private readonly now: () => number,
  ) {
    this.level = perMinute;
    this.at = now();
  }

  take(amount: number): void {
    this.fill();
    this.level = Math.min(this.perMinute, this.level - amount);
  }

  /** How long until there is so much, or until it is full. */
  wait(amount: number): number {
    this.fill();
    const lacking = Math.min(amount, this.perMinute) - this.level;
    return lacking <= 0 ? 0 : Math.ceil((lacking * MINUTE_MS) / this.perMinute);
  }

  private fill(): void {
    const now = this.now();
    this.level = Math.min(this.perMinute, this.level + ((now - this.at) * this.perMinute) / MINUTE_MS);
    this.at = now;
  }
}

/** A place among the calls of a provider. */
export interface Place {
  /** Once, when the call is over: with the tokens that it used, or undefined when nobody knows. */
  leave(tokens: number | undefined): void;
}

export type Entrance = { entered: true; place: Place } | { entered: false; reason: string; retryAfterMs: number };

type Refusal = Extract<Entrance, { entered: false }>;

/** How many calls of this gateway a provider gets at once and per minute. Who finds no room waits a little, never in a line. */
export class Admittance {
  private running = 0;
  private readonly requests: Bucket | undefined;
  private readonly tokens: Bucket | undefined;
  private readonly waiting = new Set<() => void>();

  constructor(
    private readonly limits: ProviderLimits,
    private readonly now: () => number,
  ) {
    const { requestsPerMinute, tokensPerMinute } = limits;
    this.requests = requestsPerMinute === undefined ? undefined : new Bucket(requestsPerMinute, now);
    this.tokens = tokensPerMinute === undefined ? undefined : new Bucket(tokensPerMinute, now);
  }

  /** `tokens`: about how many the request has. Ends early when the signal is aborted. */
  enter(tokens: number, signal: AbortSignal): Entrance | Promise<Entrance> {
    const refusal = this.refusal(tokens);
    return refusal ? this.enterSoon(tokens, signal, refusal) : this.place(tokens);
  }

  private async enterSoon(tokens: number, signal: AbortSignal, first: Refusal): Promise<Entrance> {
    const until = this.now() + this.limits.waitMs;
    for (let refusal: Refusal | undefined = first; refusal; refusal = this.refusal(tokens)) {
      const left = until - this.now();
      // What fills up over time says when; a call that is under way may end at any moment.
      const wait = this.isFull ? left : refusal.retryAfterMs;
      if (left <= 0 || wait > left || signal.aborted) return refusal;
      await this.pause(wait, signal);
    }
    return this.place(tokens);
  }

  private get isFull(): boolean {
    return this.running >= (this.limits.concurrency ?? Infinity);
  }

  private refusal(tokens: number): Refusal | undefined {
    const { concurrency, requestsPerMinute, tokensPerMinute } = this.limits;
    if (this.isFull)
      return { entered: false, reason: `${concurrency} calls are under way, its limit here`, retryAfterMs: 1_000 };
    const [requests, input] = [this.requests?.wait(1) ?? 0, this.tokens?.wait(tokens) ?? 0];
    if (requests === 0 && input === 0) return undefined;
    const named = requests >= input ? `${requestsPerMinute} requests` : `${tokensPerMinute} tokens`;
    const retryAfterMs = Math.max(requests, input);
    return { entered: false, reason: `its limit here of ${named} per minute is reached`, retryAfterMs };
  }

  private place(estimated: number): Entrance {
    this.running += 1;
    this.requests?.take(1);
    this.tokens?.take(estimated);
    let left = false;
    const leave = (tokens = estimated) => {
      if (left) return;
      left = true;
      this.running -= 1;
      this.tokens?.take(tokens - estimated);
      for (const wake of [...this.waiting]) wake();
    };
    return { entered: true, place: { leave } };
  }

  private pause(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.waiting.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      this.waiting.add(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }
}
