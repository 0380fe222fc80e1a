import { Injectable } from '@nestjs/common';
import { MOST_WINDOWS, STANDARD_PRIORITY } from '@purser/contracts';
import { affordableOutput, formatUsd, hold as worstCase, type Nano, type Price, type WorstCase } from '@purser/money';
import { Clock, Latch } from '@purser/service';
import { Experience } from '../experience/experience.service.js';
import type { Caller } from '../keys/authenticator.js';
import { BudgetBook } from '../leases/budget-book.js';
import type { MatchedWindow } from '../leases/matched-window.js';
import { LeaseClient } from '../leases/lease-client.js';
import type { Reservation } from '../leases/hold-queue.js';
import type { Hold } from '../leases/wallet.js';
import type { Tier } from '../models/ladders.js';
import type { Strategy } from '../models/strategies.js';
import { InputCounts } from '../token-counts/input-counts.service.js';
import type { ModelCall, Passage } from './model-call.js';
import type { OutputLimits } from './output-limit.js';
import type { PassedOver } from './passed-over.js';
import { aheadFor } from './tier-order.js';

export interface Admission {
  admitted: true;
  hold: Hold;
  maxOutputTokens: number;
  /** To be named by the call: the hold rests on it. */
  serviceTier: string | undefined;
}

export interface Refusal {
  admitted: false;
  passed: PassedOver;
  /** A budget that lets no call of its scope go on for free. */
  blockedBy?: string;
}

export interface PaidCall {
  call: ModelCall;
  passage: Pick<Passage, 'counting' | 'standardTier'>;
  caller: Caller;
  strategy: Strategy;
  inFlight: { readonly signal: AbortSignal };
  /** Told which windows the call counts against. */
  counts(windows: readonly MatchedWindow[]): void;
}

type Outcome = Admission | Refusal | 'again';

/** A window may roll over between reading the budgets and asking for a lease. */
const TRIES = 3;

/** A watchdog that is gone comes back within seconds, or not at all. */
const AWAY = { retryAfterMs: 2_000 };

/** How long a call that has waited for money waits again for a smaller hold. */
const AGAIN_MS = 500;
/** Of text that people write; what has fewer tokens than this says is not worth counting. */
const MOST_BYTES_PER_TOKEN = 8;

/** Decides whether a paid tier may be called, and holds its worst case. No paid call starts past it. */
@Injectable()
export class PaidGate {
  constructor(
    private readonly latch: Latch,
    private readonly budgets: BudgetBook,
    private readonly leases: LeaseClient,
    private readonly experience: Experience,
    private readonly counts: InputCounts,
    private readonly clock: Clock,
  ) {}

  async admit(tier: Tier, limits: OutputLimits, paid: PaidCall): Promise<Admission | Refusal> {
    const no = (why: PassedOver['why'], reason: string, more: Partial<PassedOver> = {}): Refusal => ({
      admitted: false,
      passed: { tier, why, reason, ...more },
    });
    if (!tier.price) return no('no_price', 'its price is not known');
    for (let attempt = 0; attempt < TRIES; attempt++) {
      if (this.latch.isSet)
        return no('latch_unknown', 'whether the emergency latch is set is not known (no cost-watchdog)', AWAY);
      const { key, project, task, ancestors, priority = STANDARD_PRIORITY } = paid.caller;
      const known = this.budgets.windowsFor({ provider: tier.provider, key, project, task, ancestors, priority });
      const windows = known instanceof Promise ? await known : known;
      if (!windows) return no('budgets_unknown', 'the budgets cannot be read (no cost-watchdog)', AWAY);
      if (windows.length > MOST_WINDOWS)
        return no(
          'budgets_unknown',
          `${windows.length} budgets match this call, and at most ${MOST_WINDOWS} can be held at once: delete or join some`,
        );
      paid.counts(windows);
      const ahead = paid.strategy === 'stretch' ? this.ahead(windows) : undefined;
      if (ahead)
        return no('ahead_of_plan', `${ahead.budgetId} is spent faster than its time goes by`, {
          retryAfterMs: ahead.ms,
        });
      const [priced] = windows.length === 0 ? [] : paid.call.pricedParameters(tier.price);
      if (priced !== undefined)
        return no(
          'unsupported_parameter',
          `${priced} has a price that cannot be told before the call, and a budget applies`,
          { param: priced },
        );
      const reserving = this.reserve(tier, tier.price, limits, windows, paid);
      const outcome = reserving instanceof Promise ? await reserving : reserving;
      if (outcome !== 'again') return outcome;
      this.budgets.doubt();
    }
    return no('budgets_unknown', 'the budgets change too fast');
  }

  /** The window that has to rest longest, so that its money lasts until its end. */
  private ahead(windows: readonly MatchedWindow[]): { budgetId: string; ms: number } | undefined {
    const now = this.clock.now().getTime();
    return windows
      .map((window) => ({ ...window, ms: aheadFor(window, this.leases.spending.spentOf(window), now) ?? 0 }))
      .filter(({ ms }) => ms > 0)
      .sort((a, b) => b.ms - a.ms)[0];
  }

  /** Gives a hold back whose call was not made after all. */
  release(hold: Hold): void {
    this.leases.wallet.settle(hold, 0n);
  }

  /** At once where the leases suffice. */
  private reserve(
    tier: Tier,
    price: Price,
    limits: OutputLimits,
    windows: MatchedWindow[],
    paid: PaidCall,
  ): Outcome | Promise<Outcome> {
    const { call, passage, inFlight } = paid;
    const { priority = STANDARD_PRIORITY } = paid.caller;
    const safety = this.experience.safetyOf(tier.provider, tier.model);
    const bounds = { ...call.bounds, choices: call.choices, safety };
    const serviceTier = tierToName(price, bounds, windows.length > 0 ? passage.standardTier : undefined);
    const plan = new HoldPlan(price, serviceTier === undefined ? bounds : { ...bounds, serviceTier }, limits);
    const reserving = this.leases.reserve({ windows, ...plan.amounts, priority, caller: inFlight });
    return reserving instanceof Promise || !reserving.ok
      ? this.reserveOrCount(tier, windows, paid, { plan, serviceTier, reserving })
      : this.admission(plan, reserving.hold, serviceTier);
  }

  private async reserveOrCount(
    tier: Tier,
    windows: MatchedWindow[],
    paid: PaidCall,
    first: { plan: HoldPlan; serviceTier: string | undefined; reserving: Reservation | Promise<Reservation> },
  ): Promise<Outcome> {
    let { plan } = first;
    let reserved = await first.reserving;
    if (!reserved.ok && (reserved.why === 'exhausted' || reserved.why === 'held')) {
      const tighter = await this.tighter(tier, plan, windows, paid, reserved.why);
      if (tighter) ({ plan, reserved } = tighter);
    }
    if (!reserved.ok) {
      if (reserved.why === 'closed') return 'again';
      return refuse(tier, reserved.why, reserved.budgetId, windows, plan.amounts.least);
    }
    return this.admission(plan, reserved.hold, first.serviceTier);
  }

  private admission(plan: HoldPlan, hold: Hold, serviceTier: string | undefined): Admission {
    if (hold.amount >= plan.amounts.most)
      return { admitted: true, hold, maxOutputTokens: plan.limits.most, serviceTier };
    const maxOutputTokens = plan.outputFor(hold.amount);
    this.leases.wallet.shrink(hold, plan.cost(maxOutputTokens));
    return { admitted: true, hold, maxOutputTokens, serviceTier };
  }

  /** Counts the input, if its bound by bytes may be what does not fit, and tries once more. Undefined when that is no use. */
  private async tighter(
    tier: Tier,
    loose: HoldPlan,
    windows: MatchedWindow[],
    { call, passage: { counting }, caller, inFlight }: PaidCall,
    why: 'exhausted' | 'held',
  ): Promise<{ plan: HoldPlan; reserved: Reservation } | undefined> {
    if (!this.counts.canBound(tier, counting)) return undefined;
    const { priority = STANDARD_PRIORITY } = caller;
    const { signal } = inFlight;
    const again = () => ({ signal: AbortSignal.any([signal, AbortSignal.timeout(AGAIN_MS)]) });
    // Nothing is counted, and nobody asked, for a call that would not fit with the fewest tokens that there can be, or
    // costs hardly less with them.
    const { least } = loose.withInput(Math.floor(call.bounds.inputTokens / MOST_BYTES_PER_TOKEN)).amounts;
    if (least * 8n > loose.amounts.least * 7n) return undefined;
    const probe = await this.leases.reserve({
      windows,
      most: least,
      least,
      priority,
      caller: why === 'held' ? again() : inFlight,
    });
    if (!probe.ok) return undefined;
    let inputTokens: number | undefined;
    try {
      inputTokens = await this.counts.bound(call, tier, counting, signal);
    } finally {
      this.release(probe.hold);
    }
    if (inputTokens === undefined || inputTokens >= call.bounds.inputTokens) return undefined;
    const plan = loose.withInput(inputTokens);
    return { plan, reserved: await this.leases.reserve({ windows, ...plan.amounts, priority, caller: again() }) };
  }
}

/** What a call is held at, and what output that allows. */
class HoldPlan {
  readonly amounts: { most: Nano; least: Nano };

  constructor(
    private readonly price: Price,
    private readonly bounds: Omit<WorstCase, 'maxOutputTokens'>,
    readonly limits: OutputLimits,
  ) {
    const most = this.cost(limits.most);
    this.amounts = { most, least: limits.least === limits.most ? most : this.cost(limits.least) };
  }

  withInput(inputTokens: number): HoldPlan {
    return new HoldPlan(this.price, { ...this.bounds, inputTokens }, this.limits);
  }

  cost(maxOutputTokens: number): Nano {
    return worstCase(this.price, { ...this.bounds, maxOutputTokens });
  }

  outputFor(amount: Nano): number {
    return affordableOutput(this.price, this.bounds, amount, this.limits.most);
  }
}

/** The standard tier is named only where that makes a hold smaller: where the price knows a dearer one. */
function tierToName(
  price: Price,
  bounds: Omit<WorstCase, 'maxOutputTokens'>,
  standard: string | undefined,
): string | undefined {
  if (standard === undefined || bounds.serviceTier !== undefined || price.tiers === undefined) return undefined;
  const one = { ...bounds, maxOutputTokens: 1_000 };
  return worstCase(price, { ...one, serviceTier: standard }) < worstCase(price, one) ? standard : undefined;
}

function refuse(
  tier: Tier,
  why: 'exhausted' | 'held' | 'away',
  budgetId: string | undefined,
  windows: MatchedWindow[],
  needs: Nano,
): Refusal {
  if (why === 'away')
    return {
      admitted: false,
      passed: {
        tier,
        why: 'budgets_unknown',
        reason: 'no answer from the cost-watchdog',
        ...AWAY,
      },
    };
  const which = budgetId === undefined ? windows : windows.filter((window) => window.budgetId === budgetId);
  const blocking = which.find(({ blocks }) => blocks);
  const named = which.map(nameOf).join(', ');
  return {
    admitted: false,
    passed:
      why === 'held'
        ? { tier, why: 'budget_held', reason: `calls in flight hold what is left of ${named}`, retryAfterMs: 1_000 }
        : {
            tier,
            why: 'budget_exhausted',
            reason: `what is left of ${named} does not cover this call`,
            budgets: which.map((window) => window.budgetId),
            resetsAt: endOf(which),
            needs,
          },
    ...(blocking ? { blockedBy: blocking.budgetId } : {}),
  };
}

/** With what is reserved of it, where the call may not use that. */
const nameOf = ({ budgetId, reserved }: MatchedWindow): string =>
  reserved
    ? `${budgetId} for calls of a priority below ${reserved.minPriority} ($${formatUsd(reserved.amount)} of it is reserved for more important ones)`
    : budgetId;

/** When the first of these windows ends. */
function endOf(windows: readonly MatchedWindow[]): number | undefined {
  const first = windows.reduce((least, { endsAt }) => Math.min(least, endsAt), Infinity);
  return first === Infinity ? undefined : first;
}
