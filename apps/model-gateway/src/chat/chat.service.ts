import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { PurserError } from '@purser/contracts';
import { type Nano } from '@purser/money';
import { type ProviderError } from '@purser/plugin-sdk';
import { Experience } from '../experience/experience.service.js';
import type { Caller } from '../keys/authenticator.js';
import { Ladders, type Tier } from '../models/ladders.js';
import { AttemptPlanner, type Plan } from './attempt-planner.js';
import { Attempts, type Finished } from './attempts.js';
import { type CallInFlight, CallsInFlight } from './calls-in-flight.js';
import { type ChatCall } from './chat-request.js';
import { noTierLeft, type PassedOver } from './passed-over.js';
import { boundInput } from './prompt.js';

/** One client's call, over all tiers that are tried. */
export interface CallContext {
  callId: string;
  caller: Caller;
  call: ChatCall;
  capability: string | null;
  inputBound: number;
  inFlight: CallInFlight;
  passed: PassedOver[];
  /** A budget that lets no call of its scope go on for free. */
  blockedBy: string | undefined;
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
  (
    | { kind: 'whole'; completion: Record<string, unknown> }
    | { kind: 'stream'; chunks: AsyncGenerator<Record<string, unknown>, void> }
  );

@Injectable()
export class ChatService {
  constructor(
    private readonly ladders: Ladders,
    private readonly planner: AttemptPlanner,
    private readonly attempts: Attempts,
    private readonly inFlight: CallsInFlight,
    private readonly experience: Experience,
  ) {}

  /** Begins a call: finds its ladder. The call ends when `close` is called with what came of it. */
  open(caller: Caller, call: ChatCall): { context: CallContext; tiers: readonly Tier[] } {
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
      inputBound: boundInput(call.body),
      inFlight: this.inFlight.open(),
      passed: [],
      blockedBy: undefined,
      spent: 0n,
      startedAt: performance.now(),
    };
    return { context, tiers: route.tiers };
  }

  /** Walks down the ladder until a tier answers. Throws what the client is to be told when none does. */
  async answer(context: CallContext, tiers: readonly Tier[]): Promise<Answer> {
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

  private async attempt(context: CallContext, plan: Plan): Promise<Answer | undefined> {
    const { attempt, provider, request } = plan;
    const { call, inFlight } = context;
    inFlight.paying = attempt.hold !== undefined;
    const result = call.streaming
      ? await this.attempts.stream(attempt, provider, request, inFlight.signal, call.wantsUsage)
      : await this.attempts.whole(attempt, provider, request, inFlight.signal);
    const served: Served = { tier: attempt.tier, limitSet: plan.limitSet };
    switch (result.kind) {
      case 'whole':
        this.learn(context, attempt.tier, result.finished);
        return { ...served, kind: 'whole', completion: result.completion };
      case 'stream':
        return { ...served, kind: 'stream', chunks: this.learnFrom(context, attempt.tier, result.chunks) };
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
    chunks: AsyncGenerator<Record<string, unknown>, Finished>,
  ): AsyncGenerator<Record<string, unknown>, void> {
    this.learn(context, tier, yield* chunks);
  }

  private learn(context: CallContext, tier: Tier, { cost, usage }: Finished): void {
    context.spent += cost;
    if (!usage || tier.free) return;
    this.experience.learn(
      context.capability ?? tier.model,
      this.planner.learnsAs(context.caller),
      Math.ceil(usage.outputTokens / context.call.choices),
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
