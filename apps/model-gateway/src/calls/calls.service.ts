import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { PurserError } from '@purser/contracts';
import { type Nano } from '@purser/money';
import { type ProviderError } from '@purser/plugin-sdk';
import { Experience } from '../experience/experience.service.js';
import type { Caller } from '../keys/authenticator.js';
import type { MatchedWindow } from '../leases/budget-book.js';
import { Ladders, type Tier } from '../models/ladders.js';
import { Providers } from '../models/providers.js';
import { AttemptPlanner, type Plan } from './attempt-planner.js';
import { Attempts, type Finished } from './attempts.js';
import { type CallInFlight, CallsInFlight } from './calls-in-flight.js';
import type { ModelCall } from './model-call.js';
import { noTierLeft, type PassedOver } from './passed-over.js';
import { retryWait } from './retries.js';
import type { WholeAnswer } from './way.js';

/** One client's call, over all tiers that are tried. */
export interface CallContext {
  callId: string;
  caller: Caller;
  call: ModelCall;
  capability: string | null;
  inFlight: CallInFlight;
  passed: PassedOver[];
  /** A budget that lets no call of its scope go on for free. */
  blockedBy: string | undefined;
  /** What the last paid tier that was looked at counts against. */
  windows: readonly MatchedWindow[];
  /** Of all attempts that have ended. */
  spent: Nano;
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
    private readonly providers: Providers,
    private readonly planner: AttemptPlanner,
    private readonly attempts: Attempts,
    private readonly inFlight: CallsInFlight,
    private readonly experience: Experience,
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
    const context: CallContext = {
      callId: `call-${randomUUID()}`,
      caller,
      call,
      capability: route.capability,
      inFlight: this.inFlight.open(),
      passed: [],
      blockedBy: undefined,
      windows: [],
      spent: 0n,
      startedAt: performance.now(),
    };
    return { context, tiers: route.tiers };
  }

  /** Goes from tier to tier until one answers. Throws what the client is to be told when none does. */
  async answer(context: CallContext, tiers: readonly Tier[]): Promise<Answer> {
    for (const tier of tiers) {
      const answer = await this.ask(context, tier);
      if (answer) return answer;
    }
    context.inFlight.signal.throwIfAborted();
    throw noTierLeft(context.passed);
  }

  /** Asks one tier, and once more after a failure that may pass; each attempt has a hold of its own, and none while it waits. */
  private async ask(context: CallContext, tier: Tier): Promise<Answer | undefined> {
    const policy = this.providers.retryPolicy(tier.provider);
    const { signal } = context.inFlight;
    let waitedMs = 0;
    for (let attempts = 1; ; attempts++) {
      signal.throwIfAborted();
      const plan = await this.planner.plan(context, tier);
      if (!plan) return undefined;
      const outcome = await this.attempt(context, plan);
      if ('answer' in outcome) return outcome.answer;
      const leftAloneMs = this.providers.circuits.waiting(tier.provider, tier.model)?.ms ?? 0;
      const wait = retryWait(policy, outcome.error, { attempts, waitedMs, leftAloneMs }, Math.random);
      if (wait === undefined) return undefined;
      waitedMs += wait;
      await pause(wait, undefined, { signal }).catch(() => undefined);
    }
  }

  private async attempt(context: CallContext, plan: Plan): Promise<{ answer: Answer } | { error: ProviderError }> {
    const { attempt } = plan;
    const { call, inFlight } = context;
    inFlight.paying = attempt.hold !== undefined;
    const result = call.streaming
      ? await this.attempts.stream(plan, inFlight.signal)
      : await this.attempts.whole(plan, inFlight.signal);
    const served: Served = { tier: attempt.tier, limitSet: plan.limitSet };
    switch (result.kind) {
      case 'whole':
        this.learn(context, attempt.tier, result.finished);
        return { answer: { ...served, kind: 'whole', answer: result.answer } };
      case 'stream':
        return { answer: { ...served, kind: 'stream', frames: this.learnFrom(context, attempt.tier, result.frames) } };
      case 'failed':
        inFlight.paying = false;
        context.spent += result.cost;
        context.passed.push(failure(attempt.tier, result.error));
        return { error: result.error };
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
    if (!usage || tier.free || !call.writes) return;
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
