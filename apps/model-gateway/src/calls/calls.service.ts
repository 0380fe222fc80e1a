import { Injectable } from '@nestjs/common';
import { PurserError } from '@purser/contracts';
import { type Nano } from '@purser/money';
import { Experience } from '../experience/experience.service.js';
import type { Caller } from '../keys/caller.js';
import { KeyLimits } from '../keys/key-limits.js';
import type { RateState } from '../keys/rate-limit.js';
import type { MatchedWindow } from '../leases/matched-window.js';
import { Ladders, type Tier } from '../models/ladders.js';
import type { Strategy } from '../models/strategies.js';
import { learnsAs } from './attempt-planner.js';
import { type CallInFlight, CallsInFlight } from './calls-in-flight.js';
import type { Attempt } from './meter.js';
import { newId } from './ids.js';
import type { ModelCall } from './model-call.js';
import { noTierLeft, type PassedOver } from './passed-over.js';
import { RefusedSessions } from './refused-sessions.js';
import { TierCalls } from './tier-calls.js';
import { expectedCost, inOrder } from './tier-order.js';
import { tokensBound } from './tokens-bound.js';
import type { Frames, WholeAnswer } from './way.js';

/** One attempt of a call; settled when the call is over. */
export interface Tried {
  attempt: Attempt;
  limitSet: number | undefined;
}

/** One client's call, over all tiers that are tried. */
export interface CallContext {
  callId: string;
  caller: Caller;
  call: ModelCall;
  capability: string | null;
  strategy: Strategy;
  inFlight: CallInFlight;
  passed: PassedOver[];
  tried: Tried[];
  /** A budget that lets no call of its scope go on for free. */
  blockedBy: string | undefined;
  /** What the last paid tier that was looked at counts against. */
  windows: readonly MatchedWindow[];
  /** Of all attempts that have ended. */
  spent: Nano;
  /** That the answer took; undefined while nobody knows. */
  tokens: number | undefined;
  /** How the key's minute stands; undefined when it has no limits. */
  rate: RateState | undefined;
  startedAt: number;
}

export interface Served {
  tier: Tier;
  /** The output limit, when we set it. */
  limitSet: number | undefined;
}

export type Answer = Served & ({ kind: 'whole'; answer: WholeAnswer } | { kind: 'stream'; frames: Frames });

/** Walks a call down its ladder. */
@Injectable()
export class Calls {
  constructor(
    private readonly ladders: Ladders,
    private readonly tiers: TierCalls,
    private readonly inFlight: CallsInFlight,
    private readonly experience: Experience,
    private readonly limits: KeyLimits,
    private readonly refused: RefusedSessions,
  ) {}

  /** Begins a call: finds its ladder. The call ends when `inFlight.end` is called. */
  open(caller: Caller, call: ModelCall, wanted?: Strategy): { context: CallContext; tiers: readonly Tier[] } {
    const route = this.ladders.route(call.model);
    if (!route) {
      const known = [...this.ladders.capabilities, ...this.ladders.models.map(({ model }) => model)];
      throw new PurserError('not_found', {
        message: `there is no capability or model "${call.model}"; there are: ${[...new Set(known)].join(', ')}`,
        details: { param: 'model', code: 'model_not_found' },
      });
    }
    const { capability } = route;
    const strategy = wanted ?? this.ladders.strategyFor(capability);
    const within = caller.rules
      ? route.tiers.filter((tier) =>
          this.limits.allows(caller, { capability, provider: tier.provider, model: tier.model }),
        )
      : route.tiers;
    if (within.length === 0) throw notAllowed(caller, call.model);
    const allowed = caller.paidOnly ? within.filter(({ free }) => !free) : within;
    if (allowed.length === 0) throw onlyFree(caller, call.model);
    const context: CallContext = {
      callId: newId('call'),
      caller,
      call,
      capability,
      strategy,
      inFlight: this.inFlight.open(),
      passed: [],
      tried: [],
      blockedBy: undefined,
      windows: [],
      spent: 0n,
      tokens: 0,
      rate: undefined,
      startedAt: performance.now(),
    };
    const usual = (tier: Tier) => this.experience.largestUsual(capability ?? tier.model, learnsAs(caller));
    return { context, tiers: inOrder(allowed, strategy, (tier) => expectedCost(tier, call, usual(tier))) };
  }

  /** Goes from tier to tier until one answers. Throws what the client is to be told when none does. */
  async answer(context: CallContext, tiers: readonly Tier[]): Promise<Answer> {
    if (context.caller.rules) await this.count(context, tiers);
    for (const tier of tiers) {
      const answer = await this.tiers.ask(context, tier);
      if (answer) return answer;
    }
    context.inFlight.throwIfAborted();
    const error = noTierLeft(context.passed);
    await this.refused.tell(context.caller, error);
    throw error;
  }

  /** Against the limits of its key. */
  private async count(context: CallContext, tiers: readonly Tier[]): Promise<void> {
    const { caller, call, capability, inFlight } = context;
    const usual = (tier: Tier) => this.experience.largestUsual(capability ?? tier.model, learnsAs(caller));
    const bound = tokensBound(call, tiers, usual, caller.rules?.tokensPerMinute ?? Infinity);
    const admission = await this.limits.admit(caller, bound);
    context.rate = admission.rate;
    inFlight.whenEnded(() => {
      if (context.tokens !== undefined) this.limits.settle(admission, context.tokens);
    });
  }
}

function notAllowed({ key, rules }: Caller, model: string): PurserError {
  const allowed = [...(rules?.capabilities ?? []), ...(rules?.models ?? [])].join(', ');
  return new PurserError('forbidden', {
    message: `the key "${key}" may not use "${model}"; it may use: ${allowed}`,
    details: { param: 'model' },
  });
}

const onlyFree = ({ key }: Caller, model: string): PurserError =>
  new PurserError('forbidden', {
    message: `the key "${key}" is for paid tiers alone, and "${model}" has none`,
    details: { param: 'model' },
  });
