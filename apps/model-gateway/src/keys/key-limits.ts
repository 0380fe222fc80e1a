import { type BeforeApplicationShutdown, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { PurserError } from '@purser/contracts';
import { Clock, Log, Ticker } from '@purser/service';
import { allows, type Asked } from './allowed.js';
import type { Caller, KeyRules } from './caller.js';
import { KeyMinutesRepository, type Taken } from './key-minutes.repository.js';
import { type Amounts, MinuteShare } from './minute-share.js';
import { neverFits, rateLimited, type RateState } from './rate-limit.js';

/** A call that its key's limits let through. To be settled once, whatever becomes of the call. */
export interface Admission {
  /** For the headers of the answer; undefined when the key has no limit. */
  rate: RateState | undefined;
  /** What is to be corrected when the call is over. */
  bound: { key: string; minute: number; tokens: number } | undefined;
}

interface Waiting {
  need: Amounts;
  resolve: (admission: Admission) => void;
  reject: (error: unknown) => void;
}

interface KeyState {
  limits: RateState['limits'];
  share: MinuteShare;
  /** As of the last taking: what no gateway had. */
  left: Amounts;
  /** After a refusal the database is not asked again for as much, until then. */
  refusedUntil: number;
  waiting: Waiting[];
  busy: boolean;
}

const UNLIMITED: Admission = Object.freeze({ rate: undefined, bound: undefined });
const TICK_MS = 1_000;
/** A share that nobody uses goes back, for other gateways. */
const IDLE_MS = 2_000;
const REFUSED_MS = 250;
const TAKE_MS = 2_000;
/** A minute may end between the taking and the spending. */
const TRIES = 3;

/**
 * Requests and tokens per minute of a key, over all gateways together. A gateway takes a slice of the key's minute from
 * Postgres and spends it in memory, as with leases of money. When Postgres is away, keys with limits are refused.
 */
@Injectable()
export class KeyLimits implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly states = new Map<string, KeyState>();
  private readonly ticker = new Ticker(TICK_MS, () => void this.tidy());

  constructor(
    private readonly repository: KeyMinutesRepository,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  onApplicationBootstrap(): void {
    this.ticker.start();
  }

  /** After the last call has ended. */
  async beforeApplicationShutdown(): Promise<void> {
    this.ticker.stop();
    await Promise.all([...this.states].map(([key, state]) => this.giveBack(key, state)));
  }

  /** Whether the key may have a model serve what it asks for. */
  allows(caller: Caller, asked: Asked): boolean {
    return allows(caller, asked);
  }

  /**
   * Counts a call against its key's minute: one request, and the most tokens that it may take, input and output. At once
   * where this gateway holds enough. Throws `rate_limited`, `payload_too_large` when no minute is long enough for it, and
   * `unavailable` when the database cannot be asked.
   */
  admit({ key, rules }: Caller, tokensBound: number): Admission | Promise<Admission> {
    if (!rules || (rules.requestsPerMinute === null && rules.tokensPerMinute === null)) return UNLIMITED;
    const { requestsPerMinute, tokensPerMinute } = rules;
    if (tokensPerMinute !== null && tokensBound > tokensPerMinute) throw neverFits(key, tokensBound, tokensPerMinute);
    const state = this.stateOf(key, rules);
    const need = {
      requests: requestsPerMinute === null ? 0 : 1,
      tokens: tokensPerMinute === null ? 0 : Math.max(0, tokensBound),
    };
    if (state.waiting.length === 0 && state.share.spend(need, this.clock.monotonic()))
      return this.admission(key, state, need);
    return new Promise((resolve, reject) => {
      state.waiting.push({ need, resolve, reject });
      if (!state.busy) void this.serve(key, state);
    });
  }

  /** What the call took after all; tokens of a call that was not made are zero. A second time changes nothing. */
  settle(admission: Admission, tokensUsed: number): void {
    const { bound } = admission;
    if (!bound) return;
    admission.bound = undefined;
    this.states.get(bound.key)?.share.refund(bound.minute, bound.tokens - tokensUsed);
  }

  /** Gives back what lies idle, and forgets keys that do. */
  async tidy(): Promise<void> {
    const now = this.clock.monotonic();
    const idle = [...this.states].filter(([, { busy, share }]) => !busy && now - share.usedAt >= IDLE_MS);
    for (const [key, { share }] of idle) if (share.isOver(now)) this.states.delete(key);
    await Promise.all(idle.map(([key, state]) => this.giveBack(key, state)));
  }

  private stateOf(key: string, { requestsPerMinute, tokensPerMinute }: KeyRules): KeyState {
    let state = this.states.get(key);
    if (!state) {
      state = {
        limits: { requestsPerMinute, tokensPerMinute },
        share: new MinuteShare(),
        left: { requests: 0, tokens: 0 },
        refusedUntil: -Infinity,
        waiting: [],
        busy: false,
      };
      this.states.set(key, state);
    }
    const { limits } = state;
    if (limits.requestsPerMinute !== requestsPerMinute || limits.tokensPerMinute !== tokensPerMinute) {
      // What was taken under other limits is not spent under these.
      state.limits = { requestsPerMinute, tokensPerMinute };
      state.refusedUntil = -Infinity;
      void this.giveBack(key, state);
    }
    return state;
  }

  /** One after the other, so that a rush of calls asks the database once. */
  private async serve(key: string, state: KeyState): Promise<void> {
    state.busy = true;
    for (let next = state.waiting[0]; next; next = state.waiting[0]) {
      try {
        const admission = await this.admitOne(key, state, next.need);
        state.waiting.shift();
        next.resolve(admission);
      } catch (error) {
        const passing = !(error instanceof PurserError) || error.code !== 'rate_limited';
        // When the database cannot be asked for one, it cannot for the others that wait.
        for (const one of state.waiting.splice(0, passing ? Infinity : 1)) one.reject(error);
      }
    }
    state.busy = false;
  }

  private async admitOne(key: string, state: KeyState, need: Amounts): Promise<Admission> {
    for (let attempt = 0; attempt < TRIES; attempt++) {
      const now = this.clock.monotonic();
      if (state.share.spend(need, now)) return this.admission(key, state, need);
      const missing = state.share.shortOf(need, now);
      const lacking = missing.requests > state.left.requests || missing.tokens > state.left.tokens;
      if (lacking && now < state.refusedUntil) break;
      const { granted } = await this.take(key, state, missing);
      if (granted.requests < missing.requests || granted.tokens < missing.tokens) {
        state.refusedUntil = this.clock.monotonic() + REFUSED_MS;
        break;
      }
    }
    throw rateLimited(key, need, this.rateOf(state));
  }

  private async take(key: string, state: KeyState, missing: Amounts): Promise<Taken> {
    const askedAt = this.clock.monotonic();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${TAKE_MS} ms`)), TAKE_MS);
    });
    let taken: Taken | undefined;
    try {
      taken = await Promise.race([this.repository.take(key, missing), late]);
    } catch (cause) {
      throw new PurserError('unavailable', {
        message: `the limits of the key "${key}" cannot be checked: the database does not answer`,
        cause,
      });
    } finally {
      clearTimeout(timer);
    }
    if (!taken) throw new PurserError('unauthorized', { message: `the key "${key}" was revoked` });
    state.left = taken.left;
    state.share.add(taken.minute, askedAt + taken.leftMs, taken.granted);
    return taken;
  }

  private admission(key: string, state: KeyState, { tokens }: Amounts): Admission {
    const { minute = 0 } = state.share;
    return { rate: this.rateOf(state), bound: { key, minute, tokens } };
  }

  private rateOf({ limits, left, share }: KeyState): RateState {
    const { holds } = share;
    return {
      limits,
      left: { requests: left.requests + holds.requests, tokens: left.tokens + holds.tokens },
      resetMs: Math.max(0, share.endsAt - this.clock.monotonic()),
    };
  }

  private async giveBack(key: string, { share }: KeyState): Promise<void> {
    const unused = share.takeOut(this.clock.monotonic());
    if (!unused || share.minute === undefined) return;
    await this.repository
      .giveBack(key, share.minute, unused)
      .catch((error: unknown) =>
        this.log.debug({ error, key }, 'what a key did not use is lost until its minute ends'),
      );
  }
}
