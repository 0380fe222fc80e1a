import { Injectable } from '@nestjs/common';
import { PurserError } from '@purser/contracts';
import { covers } from '@purser/money';
import { Latch } from '@purser/service';
import { Experience } from '../experience/experience.service.js';
import type { Caller } from '../keys/authenticator.js';
import type { Hold } from '../leases/wallet.js';
import type { Tier } from '../models/ladders.js';
import { isClientSide } from '../models/client-side.js';
import type { Turn } from '../models/circuit.js';
import type { Admittance, Place } from '../models/provider-limits.js';
import { Providers } from '../models/providers.js';
import { Quotas, type QuotaShare } from '../quotas/quotas.service.js';
import { noPrice } from '../prices/price-table.js';
import type { CallContext } from './calls.service.js';
import { type Attempt, JournalUnwritable, Meter } from './meter.js';
import { isUnmet, type ModelCall, type Passage } from './model-call.js';
import { type OutputLimits, outputLimits } from './output-limit.js';
import { PaidGate } from './paid-gate.js';
import type { PassedOver } from './passed-over.js';
import type { Terms } from './settlement-rules.js';
import type { Target } from './way.js';

/** A tier that is to be called now: its hold is taken and written down. */
export interface Plan {
  attempt: Attempt;
  target: Target;
  /** How the call began is to be told to it. */
  turn: Turn;
  /** To be left when the call is over. */
  place: Place;
  /** What it takes of the tier's free quota, for a call that costs nothing by that. */
  quota: QuotaShare | undefined;
  /** The output limit, when we set it. */
  limitSet: number | undefined;
}

/** How a call would go to a tier. */
interface Wanted {
  passage: Passage;
  limits: OutputLimits;
}

/** What a call has to itself at a tier. */
interface Room {
  hold: Hold | undefined;
  quota: QuotaShare | undefined;
  maxOutputTokens: number;
  serviceTier?: string | undefined;
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
    private readonly quotas: Quotas,
  ) {}

  /** Undefined when the tier is passed over; the context then says why. What it returns must be called at once. */
  async plan(context: CallContext, tier: Tier): Promise<Plan | undefined> {
    this.refuseInEmergency();
    const found = this.passage(context, tier);
    if ('why' in found) {
      context.passed.push(found);
      return undefined;
    }
    const admittance = this.providers.admittance(tier.provider);
    const place = admittance ? await this.enter(context, tier, admittance) : ANY_PLACE;
    if (!place) return undefined;
    let plan: Plan | undefined;
    try {
      plan = await this.planWithin(context, tier, found, place);
      return plan;
    } finally {
      if (!plan) place.leave(0);
    }
  }

  private async planWithin(
    context: CallContext,
    tier: Tier,
    passage: Passage,
    place: Place,
  ): Promise<Plan | undefined> {
    const { caller, call } = context;
    const usual = this.experience.largestUsual(context.capability ?? tier.model, learnsAs(caller));
    const limits =
      call.outputAtMost === undefined
        ? outputLimits(tier, call.maxOutputTokens, usual)
        : { most: call.outputAtMost, least: call.outputAtMost, setByUs: false };
    const wanted = { passage, limits };
    const room = tier.freeQuota
      ? await this.roomBeyondQuota(context, tier, tier.freeQuota, wanted)
      : tier.free
        ? freeRoom(wanted)
        : await this.holdFor(context, tier, wanted);
    if (!room) return undefined;
    // Nothing may go wrong any more between the line of the journal and the call.
    const target = this.targetOf(passage, tier, room);
    // Others may have failed there meanwhile, or one may be trying it.
    const turn = this.providers.circuits.enter(tier.provider, tier.model);
    if (!turn) {
      this.leave(room);
      context.passed.push(this.leftAlone(tier) ?? { tier, why: 'failed', reason: 'it failed a moment ago' });
      return undefined;
    }
    try {
      const { hold, quota, maxOutputTokens } = room;
      const limitSet = limits.setByUs ? maxOutputTokens : undefined;
      const begun = this.meter.begin(tier, context, hold, termsOf(call, tier, room));
      const attempt = begun instanceof Promise ? await begun : begun;
      // The journal has taken its time. A hold that is written down must be settled, whatever becomes of the call.
      if (hold && this.isTooLate(context)) {
        this.meter.end(attempt, { how: 'not_made' });
        context.tried.push({ attempt, limitSet });
        turn.abandoned();
        return this.giveUp(context, tier);
      }
      return { attempt, target, turn, place, quota, limitSet };
    } catch (error) {
      turn.abandoned();
      room.quota?.release();
      if (!(error instanceof JournalUnwritable)) throw error;
      context.passed.push({ tier, why: 'journal_unwritable', reason: error.message });
      return undefined;
    }
  }

  private targetOf(passage: Passage, { model }: Tier, room: Room): Target {
    try {
      return passage.to(model, room.maxOutputTokens, room.serviceTier);
    } catch (error) {
      this.leave(room);
      throw error;
    }
  }

  /** Gives back what an attempt that is not begun had to itself. */
  private leave({ hold, quota }: Room): void {
    if (hold) this.gate.release(hold);
    quota?.release();
  }

  /** Of the free quota, or beyond it of the budgets. */
  private async roomBeyondQuota(
    context: CallContext,
    tier: Tier,
    freeQuota: NonNullable<Tier['freeQuota']>,
    wanted: Wanted,
  ): Promise<Room | undefined> {
    const { call, blockedBy } = context;
    if (blockedBy === undefined) {
      const share = await this.quotas.share(freeQuota, call, wanted.limits.most);
      if (share.ok) return { ...freeRoom(wanted), quota: share.share };
      if (tier.free || !tier.price || !covers(tier.price, call.bounds)) {
        const { reason, retryAfterMs } = share;
        context.passed.push({ tier, why: 'quota_used_up', reason, retryAfterMs });
        return undefined;
      }
    }
    return this.holdFor(context, tier, wanted);
  }

  /** A place among the calls of the tier's provider. */
  private async enter(context: CallContext, tier: Tier, admittance: Admittance): Promise<Place | undefined> {
    const { call, inFlight } = context;
    const entrance = await admittance.enter(Math.ceil(call.bounds.inputTokens / BYTES_PER_TOKEN), inFlight.signal);
    if (entrance.entered) return entrance.place;
    const { reason, retryAfterMs } = entrance;
    context.passed.push({ tier, why: 'over_limit', reason: `${tier.provider}: ${reason}`, retryAfterMs });
    return undefined;
  }

  private leftAlone(tier: Tier): PassedOver | undefined {
    const waiting = this.providers.circuits.waiting(tier.provider, tier.model);
    return (
      waiting && {
        tier,
        why: 'failed',
        reason: `left alone for ${Math.ceil(waiting.ms / 1000)} s more (${waiting.reason})`,
        retryAfterMs: waiting.ms,
      }
    );
  }

  private async holdFor(context: CallContext, tier: Tier, wanted: Wanted): Promise<Room | undefined> {
    const { call, caller, inFlight } = context;
    const admission = await this.gate.admit(tier, wanted.limits, {
      call,
      passage: wanted.passage,
      caller,
      strategy: context.strategy,
      inFlight,
      counts: (windows) => (context.windows = windows),
    });
    if (!admission.admitted) {
      context.passed.push(admission.passed);
      context.blockedBy ??= admission.blockedBy;
      return undefined;
    }
    // Time has passed since the checks.
    if (this.isTooLate(context)) {
      this.gate.release(admission.hold);
      return this.giveUp(context, tier);
    }
    const { hold, maxOutputTokens, serviceTier } = admission;
    return { hold, quota: undefined, maxOutputTokens, serviceTier };
  }

  /** Whether a call that is paid for may no longer begin. */
  private isTooLate({ inFlight }: CallContext): boolean {
    return inFlight.aborted || this.latch.isSet;
  }

  /** Throws what the client is to be told, or says why the tier is passed over. */
  private giveUp(context: CallContext, tier: Tier): undefined {
    context.inFlight.throwIfAborted();
    this.refuseInEmergency();
    context.passed.push({ tier, why: 'latch_unknown', reason: 'whether the emergency latch is set is not known' });
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
    if (tier.free && blockedBy !== undefined)
      return no('budget_blocks', `the budget ${blockedBy} is used up and blocks free tiers too`, {
        budgets: [blockedBy],
      });
    if (isClientSide(tier)) return no('client_side', 'it runs at the client');
    const unavailable = this.providers.unavailable(tier.provider);
    const provider = this.providers.get(tier.provider);
    if (unavailable !== undefined || !provider) return no('unavailable', unavailable ?? 'it is not there');
    if (!tier.freeQuota && (!tier.price || !covers(tier.price, call.bounds))) return no('no_price', noPrice(tier));
    const leftAlone = this.leftAlone(tier);
    if (leftAlone) return leftAlone;
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

const freeRoom = ({ limits }: Wanted): Room => ({ hold: undefined, quota: undefined, maxOutputTokens: limits.most });

const termsOf = ({ bounds, choices }: ModelCall, { price, reasoning }: Tier, room: Room): Terms => ({
  price: room.quota ? FREE : (price ?? FREE),
  hold: room.hold?.amount ?? 0n,
  inputBound: bounds.inputTokens,
  outputBound: room.maxOutputTokens * choices,
  choices,
  reasoning,
});

/** For estimates of input: its bound counts bytes. */
const BYTES_PER_TOKEN = 4;
const ANY_PLACE: Place = { leave: () => undefined };
const FREE = { inputPerMillion: 0n, cachedPerMillion: 0n, outputPerMillion: 0n };

export function emergency(latch: { by: string; reason: string; at: string }): PurserError {
  return new PurserError('emergency', {
    message: `the emergency latch was set by ${latch.by} at ${latch.at} (${latch.reason}); a person must reset it`,
  });
}

/** Whose answers are alike: those of a key, or, for sessions, which have a key each, those of their task. */
export const learnsAs = ({ key, task }: Caller): string => (task === null ? key : `task ${task}`);
