import { setTimeout as pause } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import type { ProviderError } from '@purser/plugin-sdk';
import { Experience } from '../experience/experience.service.js';
import type { Tier } from '../models/ladders.js';
import { Providers } from '../models/providers.js';
import { AttemptPlanner, learnsAs, type Plan } from './attempt-planner.js';
import { Attempts, type Finished } from './attempts.js';
import type { Answer, CallContext, Served } from './calls.service.js';
import type { PassedOver } from './passed-over.js';
import { retryWait } from './retries.js';

/** Asks one tier for one call, as often as that makes sense. */
@Injectable()
export class TierCalls {
  constructor(
    private readonly providers: Providers,
    private readonly planner: AttemptPlanner,
    private readonly attempts: Attempts,
    private readonly experience: Experience,
  ) {}

  /** Each attempt has a hold of its own, and none is held while it waits. Undefined when it is passed over; the context then says why. */
  async ask(context: CallContext, tier: Tier): Promise<Answer | undefined> {
    const policy = this.providers.retryPolicy(tier.provider);
    const { inFlight } = context;
    let waitedMs = 0;
    for (let attempts = 1; ; attempts++) {
      inFlight.throwIfAborted();
      const plan = await this.planner.plan(context, tier);
      if (!plan) return undefined;
      const outcome = await this.attempt(context, plan);
      if ('answer' in outcome) return outcome.answer;
      const leftAloneMs = this.providers.circuits.waiting(tier.provider, tier.model)?.ms ?? 0;
      const wait = retryWait(policy, outcome.error, { attempts, waitedMs, leftAloneMs }, Math.random);
      if (wait === undefined) return undefined;
      waitedMs += wait;
      await pause(wait, undefined, { signal: inFlight.signal }).catch(() => undefined);
    }
  }

  private async attempt(context: CallContext, plan: Plan): Promise<{ answer: Answer } | { error: ProviderError }> {
    const { attempt } = plan;
    const { call, inFlight } = context;
    context.tried.push({ attempt, limitSet: plan.limitSet });
    inFlight.paying = attempt.hold !== undefined;
    const result = call.streaming
      ? await this.attempts.stream(plan, inFlight, (finished) => this.learn(context, attempt.tier, finished))
      : await this.attempts.whole(plan, inFlight);
    const served: Served = { tier: attempt.tier, limitSet: plan.limitSet };
    switch (result.kind) {
      case 'whole':
        this.learn(context, attempt.tier, result.finished);
        return { answer: { ...served, kind: 'whole', answer: result.answer } };
      case 'stream':
        context.tokens = undefined;
        return { answer: { ...served, kind: 'stream', frames: result.frames } };
      case 'failed':
        inFlight.paying = false;
        context.spent += result.cost;
        context.passed.push(failure(attempt.tier, result.error));
        return { error: result.error };
    }
  }

  private learn(context: CallContext, tier: Tier, { cost, usage }: Finished): void {
    const { call, capability, caller } = context;
    context.spent += cost;
    context.tokens = usage && usage.inputTokens + usage.outputTokens;
    if (!usage || tier.free || call.outputAtMost !== undefined) return;
    this.experience.learn(capability ?? tier.model, learnsAs(caller), Math.ceil(usage.outputTokens / call.choices));
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
