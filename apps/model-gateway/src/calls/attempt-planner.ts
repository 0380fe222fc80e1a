import { Injectable } from '@nestjs/common';
import { PurserError } from '@purser/contracts';
import { covers } from '@purser/money';
import { Latch } from '@purser/service';
import { Experience } from '../experience/experience.service.js';
import type { Caller } from '../keys/authenticator.js';
import type { Hold } from '../leases/wallet.js';
import type { Tier } from '../models/ladders.js';
import { Providers } from '../models/providers.js';
import { noPrice } from '../prices/price-table.js';
import type { CallContext } from './calls.service.js';
import { type Attempt, JournalUnwritable, Meter } from './meter.js';
import { isUnmet, type Passage } from './model-call.js';
import { type OutputLimits, outputLimits } from './output-limit.js';
import { PaidGate } from './paid-gate.js';
import type { PassedOver } from './passed-over.js';
import type { Terms } from './settlement-rules.js';
import type { Target } from './way.js';

/** A tier that is to be called now: its hold is taken and written down. */
export interface Plan {
  attempt: Attempt;
  target: Target;
  /** The output limit, when we set it. */
  limitSet: number | undefined;
}

/** Decides for one tier after the other whether a call may go to it. */
@Injectable()
export class AttemptPlanner {
  constructor(
    private readonly providers: Providers,
    private readonly gate: PaidGate,
    private readonly meter: Meter,
    private readonly experience: Experience,
    private readonly latch: Latch,
  ) {}

  /** Undefined when the tier is passed over; the context then says why. What it returns must be called at once. */
  async plan(context: CallContext, tier: Tier): Promise<Plan | undefined> {
    this.refuseInEmergency();
    const found = this.passage(context, tier);
    if ('why' in found) {
      context.passed.push(found);
      return undefined;
    }
    const { caller, call } = context;
    const usual = this.experience.largestUsual(context.capability ?? tier.model, this.learnsAs(caller));
    const limits = call.writes ? outputLimits(tier, call.maxOutputTokens, usual) : WRITES_NOTHING;
    const room = tier.free
      ? { hold: undefined, maxOutputTokens: limits.most }
      : await this.holdFor(context, tier, limits);
    if (!room) return undefined;
    try {
      return this.begin(context, tier, found, limits, room);
    } catch (error) {
      if (!(error instanceof JournalUnwritable)) throw error;
      context.passed.push({ tier, why: 'journal_unwritable', reason: error.message });
      return undefined;
    }
  }

  /** Whose answers are alike: those of a key, or, for sessions, which have a key each, those of their task. */
  learnsAs({ key, task }: Caller): string {
    return task === null ? key : `task ${task}`;
  }

  private begin(
    context: CallContext,
    tier: Tier,
    passage: Passage,
    limits: OutputLimits,
    { hold, maxOutputTokens }: { hold: Hold | undefined; maxOutputTokens: number },
  ): Plan {
    const { call } = context;
    const terms: Terms = {
      price: tier.price ?? FREE,
      hold: hold?.amount ?? 0n,
      inputBound: call.bounds.inputTokens,
      outputBound: maxOutputTokens * call.choices,
      choices: call.choices,
      reasoning: tier.reasoning,
    };
    return {
      attempt: this.meter.begin(tier, context, hold, terms),
      target: passage.to(tier.model, maxOutputTokens),
      limitSet: limits.setByUs ? maxOutputTokens : undefined,
    };
  }

  private async holdFor(
    context: CallContext,
    tier: Tier,
    limits: OutputLimits,
  ): Promise<{ hold: Hold; maxOutputTokens: number } | undefined> {
    const { call, caller, inFlight } = context;
    const admission = await this.gate.admit(tier, limits, { call, caller, signal: inFlight.signal });
    if (!admission.admitted) {
      context.passed.push(admission.passed);
      context.blockedBy ??= admission.blockedBy;
      return undefined;
    }
    // Time has passed since the checks.
    if (inFlight.signal.aborted || this.latch.isSet) {
      this.gate.release(admission.hold);
      inFlight.signal.throwIfAborted();
      this.refuseInEmergency();
      context.passed.push({ tier, why: 'latch_unknown', reason: 'whether the emergency latch is set is not known' });
      return undefined;
    }
    return admission;
  }

  private refuseInEmergency(): void {
    const { latest } = this.latch;
    if (latest?.active) throw emergency(latest);
  }

  /** The way to the tier's provider, or what stands in it. */
  private passage({ call, blockedBy }: CallContext, tier: Tier): Passage | PassedOver {
    const no = (why: PassedOver['why'], reason: string, more: Partial<PassedOver> = {}): PassedOver => ({
      tier,
      why,
      reason,
      ...more,
    });
    const unavailable = this.providers.unavailable(tier.provider);
    const provider = this.providers.get(tier.provider);
    if (unavailable !== undefined || !provider) return no('unavailable', unavailable ?? 'it is not there');
    if (!tier.price || !covers(tier.price, call.bounds)) return no('no_price', noPrice(tier));
    const cooling = this.providers.coolDowns.waiting(tier.provider, tier.model);
    if (cooling)
      return no('failed', `left alone for ${Math.ceil(cooling.ms / 1000)} s more (${cooling.reason})`, {
        retryAfterMs: cooling.ms,
      });
    if (tier.free && blockedBy !== undefined)
      return no('budget_blocks', `the budget ${blockedBy} is used up and blocks free tiers too`);
    const passage = call.via(provider, tier.provider);
    if (isUnmet(passage))
      return no('unsupported_parameter', passage.unmet, passage.param === undefined ? {} : { param: passage.param });
    const { maxOutputTokens: asked } = call;
    if (asked !== undefined && asked > (tier.maxOutputTokens ?? Infinity) && !call.limitMayBeCut)
      return no(
        'output_limit',
        `${call.limitParameter} is ${asked}, and ${tier.model} writes at most ${tier.maxOutputTokens}`,
        { param: call.limitParameter },
      );
    return passage;
  }
}

const WRITES_NOTHING: OutputLimits = { most: 0, least: 0, setByUs: false };
const FREE = { inputPerMillion: 0n, cachedPerMillion: 0n, outputPerMillion: 0n };

export function emergency(latch: { by: string; reason: string; at: string }): PurserError {
  return new PurserError('emergency', {
    message: `the emergency latch was set by ${latch.by} at ${latch.at} (${latch.reason}); a person must reset it`,
  });
}
