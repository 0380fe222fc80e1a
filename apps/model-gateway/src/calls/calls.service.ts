import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { PurserError } from '@purser/contracts';
import { type Nano } from '@purser/money';
import { type ProviderError } from '@purser/plugin-sdk';
import { Experience } from '../experience/experience.service.js';
import type { Caller } from '../keys/caller.js';
import { KeyLimits } from '../keys/key-limits.js';
import type { RateState } from '../keys/rate-limit.js';
import { Ladders, type Tier } from '../models/ladders.js';
import { AttemptPlanner, type Plan } from './attempt-planner.js';
import { Attempts, type Finished } from './attempts.js';
import { type CallInFlight, CallsInFlight } from './calls-in-flight.js';
import type { Attempt } from './meter.js';
import type { ModelCall } from './model-call.js';
import { noTierLeft, type PassedOver } from './passed-over.js';
import { tokensBound } from './tokens-bound.js';
import type { WholeAnswer } from './way.js';

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
  inFlight: CallInFlight;
  passed: PassedOver[];
  tried: Tried[];
  /** A budget that lets no call of its scope go on for free. */
  blockedBy: string | undefined;
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

export type Answer = Served &
  ({ kind: 'whole'; answer: WholeAnswer } | { kind: 'stream'; frames: AsyncGenerator<string, void> });

/** Walks a call down its ladder. */
@Injectable()
export class Calls {
  constructor(
    private readonly ladders: Ladders,
    private readonly planner: AttemptPlanner,
    private readonly attempts: Attempts,
    private readonly inFlight: CallsInFlight,
    private readonly experience: Experience,
    private readonly limits: KeyLimits,
  ) {}

  /** Begins a call: finds its ladder. The call ends when `inFlight.end` is called. */
  open(caller: Caller, call: ModelCall): { context: CallContext; tiers: readonly Tier[] } {
    const route = this.ladders.route(call.model);
    if (!route) {
      const known = [...this.ladders.capabilities, ...this.ladders.models.map(({ model }) => model)];
      throw new PurserError('not_found', {
        message: `there is no capability or model "${call.model}"; there are: ${[...new Set(known)].join(', ')}`,
        details: { param: 'model', code: 'model_not_found' },
      });
    }
    const { capability } = route;
    const tiers = caller.rules
      ? route.tiers.filter((tier) =>
          this.limits.allows(caller, { capability, provider: tier.provider, model: tier.model }),
        )
      : route.tiers;
    if (tiers.length === 0) throw notAllowed(caller, call.model);
    const context: CallContext = {
      callId: `call-${randomUUID()}`,
      caller,
      call,
      capability,
      inFlight: this.inFlight.open(),
      passed: [],
      tried: [],
      blockedBy: undefined,
      spent: 0n,
      tokens: 0,
      rate: undefined,
      startedAt: performance.now(),
    };
    return { context, tiers };
  }

  /** Goes from tier to tier until one answers. Throws what the client is to be told when none does. */
  async answer(context: CallContext, tiers: readonly Tier[]): Promise<Answer> {
    if (context.caller.rules) await this.count(context, tiers);
    for (const tier of tiers) {
      context.inFlight.signal.throwIfAborted();
      const plan = await this.planner.plan(context, tier);
      if (!plan) continue;
      const answer = await this.attempt(context, plan);
      if (answer) return answer;
    }
    context.inFlight.signal.throwIfAborted();
    throw noTierLeft(context.passed);
  }

  /** Against the limits of its key. */
  private async count(context: CallContext, tiers: readonly Tier[]): Promise<void> {
    const { caller, call, capability, inFlight } = context;
    const usual = (tier: Tier) => this.experience.largestUsual(capability ?? tier.model, this.planner.learnsAs(caller));
    const bound = tokensBound(call, tiers, usual, caller.rules?.tokensPerMinute ?? Infinity);
    const admission = await this.limits.admit(caller, bound);
    context.rate = admission.rate;
    inFlight.whenEnded(() => {
      if (context.tokens !== undefined) this.limits.settle(admission, context.tokens);
    });
  }

  private async attempt(context: CallContext, plan: Plan): Promise<Answer | undefined> {
    const { attempt, target } = plan;
    const { call, inFlight } = context;
    context.tried.push({ attempt, limitSet: plan.limitSet });
    inFlight.paying = attempt.hold !== undefined;
    const result = call.streaming
      ? await this.attempts.stream(attempt, target, inFlight.signal)
      : await this.attempts.whole(attempt, target, inFlight.signal);
    const served: Served = { tier: attempt.tier, limitSet: plan.limitSet };
    switch (result.kind) {
      case 'whole':
        this.learn(context, attempt.tier, result.finished);
        return { ...served, kind: 'whole', answer: result.answer };
      case 'stream':
        context.tokens = undefined;
        return { ...served, kind: 'stream', frames: this.learnFrom(context, attempt.tier, result.frames) };
      case 'failed':
        inFlight.paying = false;
        context.spent += result.cost;
        context.passed.push(failure(attempt.tier, result.error));
        return undefined;
    }
  }

  private async *learnFrom(
    context: CallContext,
    tier: Tier,
    frames: AsyncGenerator<string, Finished>,
  ): AsyncGenerator<string, void> {
    this.learn(context, tier, yield* frames);
  }

  private learn(context: CallContext, tier: Tier, { cost, usage }: Finished): void {
    const { call, capability, caller } = context;
    context.spent += cost;
    context.tokens = usage && usage.inputTokens + usage.outputTokens;
    if (!usage || tier.free || call.outputAtMost !== undefined) return;
    this.experience.learn(
      capability ?? tier.model,
      this.planner.learnsAs(caller),
      Math.ceil(usage.outputTokens / call.choices),
    );
  }
}

function failure(tier: Tier, error: ProviderError): PassedOver {
  return {
    tier,
    why: error.kind === 'invalid_request' ? 'invalid_request' : 'failed',
    reason: `${error.kind}: ${error.message}`,
    ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
  };
}

function notAllowed({ key, rules }: Caller, model: string): PurserError {
  const allowed = [...(rules?.capabilities ?? []), ...(rules?.models ?? [])].join(', ');
  return new PurserError('forbidden', {
    message: `the key "${key}" may not use "${model}"; it may use: ${allowed}`,
    details: { param: 'model' },
  });
}
