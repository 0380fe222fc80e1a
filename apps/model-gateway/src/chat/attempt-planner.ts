import { Injectable } from '@nestjs/common';
import { PurserError } from '@purser/contracts';
import { canChat, type ChatProvider, type ChatRequest, unmetParameters } from '@purser/plugin-sdk';
import { Latch } from '@purser/service';
import { Experience } from '../experience/experience.service.js';
import type { Caller } from '../keys/authenticator.js';
import type { Hold } from '../leases/wallet.js';
import type { Tier } from '../models/ladders.js';
import { NO_PRICE } from '../models/model-catalogue.js';
import { Providers } from '../models/providers.js';
import type { CallContext } from './chat.service.js';
import { type Attempt, JournalUnwritable, Meter } from './meter.js';
import { type OutputLimits, outputLimits } from './output-limit.js';
import { PaidGate } from './paid-gate.js';
import type { PassedOver } from './passed-over.js';
import type { Terms } from './settlement-rules.js';

/** A tier that is to be called now: its hold is taken and written down. */
export interface Plan {
  attempt: Attempt;
  provider: ChatProvider;
  request: ChatRequest;
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
    const obstacle = this.obstacle(context, tier);
    const provider = this.providers.get(tier.provider);
    if (obstacle || !provider || !canChat(provider)) {
      if (obstacle) context.passed.push(obstacle);
      return undefined;
    }
    const { caller, call } = context;
    const usual = this.experience.largestUsual(context.capability ?? tier.model, this.learnsAs(caller));
    const limits = outputLimits(tier, call.maxOutputTokens, usual);
    const room = tier.free
      ? { hold: undefined, maxOutputTokens: limits.most }
      : await this.holdFor(context, tier, limits);
    if (!room) return undefined;
    try {
      return this.begin(context, tier, provider, limits, room);
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
    provider: ChatProvider,
    limits: OutputLimits,
    { hold, maxOutputTokens }: { hold: Hold | undefined; maxOutputTokens: number },
  ): Plan {
    const { call, inputBound } = context;
    const terms: Terms = {
      price: tier.price ?? FREE,
      hold: hold?.amount ?? 0n,
      inputBound,
      outputBound: maxOutputTokens * call.choices,
      reasoning: tier.reasoning,
    };
    const attempt = this.meter.begin(tier, context, hold, terms);
    const { stream: _, stream_options: _options, max_tokens: _limit, ...body } = call.body;
    return {
      attempt,
      provider,
      request: { ...body, model: tier.model, max_completion_tokens: maxOutputTokens },
      limitSet: limits.setByUs ? maxOutputTokens : undefined,
    };
  }

  private async holdFor(
    context: CallContext,
    tier: Tier,
    limits: OutputLimits,
  ): Promise<{ hold: Hold; maxOutputTokens: number } | undefined> {
    const { call, caller, inputBound, inFlight } = context;
    const admission = await this.gate.admit(tier, limits, { call, caller, inputBound, signal: inFlight.signal });
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

  private obstacle({ call, blockedBy }: CallContext, tier: Tier): PassedOver | undefined {
    const no = (why: PassedOver['why'], reason: string, more: Partial<PassedOver> = {}) => ({
      tier,
      why,
      reason,
      ...more,
    });
    const unavailable = this.providers.unavailable(tier.provider);
    if (unavailable !== undefined) return no('unavailable', unavailable);
    if (!tier.price) return no('no_price', NO_PRICE);
    const cooling = this.providers.coolDowns.waiting(tier.provider, tier.model);
    if (cooling)
      return no('failed', `left alone for ${Math.ceil(cooling.ms / 1000)} s more (${cooling.reason})`, {
        retryAfterMs: cooling.ms,
      });
    if (tier.free && blockedBy !== undefined)
      return no('budget_blocks', `the budget ${blockedBy} is used up and blocks free tiers too`);
    const provider = this.providers.get(tier.provider);
    if (provider && !canChat(provider)) return no('unavailable', `${tier.provider} has no chat models`);
    const [unmet] = unmetParameters(call.body, provider?.unsupportedParameters ?? []);
    if (unmet !== undefined)
      return no('unsupported_parameter', `${tier.provider} cannot honour ${unmet}`, { param: unmet });
    const { maxOutputTokens: asked } = call;
    if (asked !== undefined && asked > (tier.maxOutputTokens ?? Infinity))
      return no('output_limit', `max_tokens is ${asked}, and ${tier.model} writes at most ${tier.maxOutputTokens}`, {
        param: call.body.max_completion_tokens == null ? 'max_tokens' : 'max_completion_tokens',
      });
    return undefined;
  }
}

const FREE = { inputPerMillion: 0n, cachedPerMillion: 0n, outputPerMillion: 0n };

export function emergency(latch: { by: string; reason: string; at: string }): PurserError {
  return new PurserError('emergency', {
    message: `the emergency latch was set by ${latch.by} at ${latch.at} (${latch.reason}); a person must reset it`,
  });
}
