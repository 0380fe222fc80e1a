import { Inject, Injectable } from '@nestjs/common';
import type { Nano } from '@purser/money';
import type { ProviderError, Usage } from '@purser/plugin-sdk';
import { CONFIG } from '@purser/service';
import type { Config } from '../config.js';
import { Providers } from '../models/providers.js';
import { CallMetrics } from './call-metrics.js';
import type { Plan } from './attempt-planner.js';
import { Meter } from './meter.js';
import type { Bills, Ending, Settlement } from './settlement-rules.js';
import { AttemptSignal, brokenOff, providerFailure } from './attempt-signal.js';
import type { Cancellation } from './cancellation.js';
import { Relay } from './relay.js';
import type { Frames, WholeAnswer, WriteFrames } from './way.js';

export interface Finished {
  cost: Nano;
  usage: Usage | undefined;
}

export type AttemptResult =
  | { kind: 'whole'; answer: WholeAnswer; finished: Finished }
  | { kind: 'stream'; frames: Frames }
  /** Before the first byte: another tier may be tried. */
  | { kind: 'failed'; error: ProviderError; cost: Nano };

/** Makes one call to one provider and settles it, whatever happens. */
@Injectable()
export class Attempts {
  private readonly limits: { totalMs: number; idleMs: number };

  constructor(
    private readonly providers: Providers,
    private readonly meter: Meter,
    private readonly metrics: CallMetrics,
    @Inject(CONFIG) config: Config,
  ) {
    this.limits = { totalMs: config.PURSER_CALL_TIMEOUT_MS, idleMs: config.PURSER_STREAM_IDLE_MS };
  }

  /** Throws the reason of `outer` when the client's call ended. */
  async whole(plan: Plan, outer: Cancellation): Promise<AttemptResult> {
    const timer = new AttemptSignal(outer, this.limits);
    try {
      const answer = await timer.race(plan.target.whole(timer.options));
      timer.end({ whole: true });
      const { usage, bytes } = answer;
      plan.turn.succeeded();
      const cost = this.end(plan, { how: 'answered', usage, bytes, bills: plan.target.cancelledCallsBill });
      return { kind: 'whole', answer, finished: { cost, usage } };
    } catch (thrown) {
      // Nothing of it reached us, so nothing tells how much was generated.
      if (outer.aborted) this.end(plan, endingOf(timer, 0, 'full'));
      timer.end();
      return this.failed(plan, thrown, outer);
    }
  }

  /** `finished` is told what a stream that came to its end took. */
  async stream(plan: Plan, outer: Cancellation, finished: (finished: Finished) => void): Promise<AttemptResult> {
    const timer = new AttemptSignal(outer, this.limits);
    const { target, turn } = plan;
    const { cancelledCallsBill: bills } = target;
    try {
      timer.listen();
      const relay = new Relay(timer);
      const all = timer.race(target.stream(Object.assign(timer.options, { heard: () => timer.listen() }), relay.take));
      await Promise.race([relay.begun, all]);
      turn.succeeded();
      // However the call ends, also when nobody ever reads the stream.
      timer.whenOver(() => this.end(plan, endingOf(timer, relay.bytes, bills)));
      const run: Run = { plan, relay, all, timer, outer, bills, finished };
      return { kind: 'stream', frames: { to: (write) => this.relay(run, write) } };
    } catch (thrown) {
      if (outer.aborted) this.end(plan, endingOf(timer, 0, bills));
      timer.end();
      return this.failed(plan, thrown, outer);
    }
  }

  private async relay({ plan, relay, all, timer, outer, bills, finished }: Run, write: WriteFrames): Promise<void> {
    try {
      relay.writeTo(write);
      await all;
      const { usage, bytes } = relay;
      const cost = this.end(plan, { how: 'answered', usage, bytes, bills });
      timer.end({ whole: true });
      finished({ cost, usage });
    } catch (thrown) {
      outer.throwIfAborted();
      const error = providerFailure(thrown);
      // Whatever else the provider says: tokens were generated, and mostly it does not tell how many.
      this.end(plan, { how: 'failed', bytes: relay.bytes, usage: error.usage });
      const { provider, model } = plan.attempt.tier;
      await this.providers.circuits.brokeOff(provider, model, error);
      throw brokenOff(error);
    } finally {
      timer.end();
    }
  }

  private async failed(plan: Plan, thrown: unknown, outer: Cancellation): Promise<AttemptResult> {
    outer.throwIfAborted();
    const error = providerFailure(thrown);
    await plan.turn.failed(error);
    const cost = this.end(plan, error.mayBill ? { how: 'failed', bytes: 0, usage: error.usage } : { how: 'refused' });
    return { kind: 'failed', error, cost };
  }

  private end({ attempt, turn, place, quota }: Plan, ending: Ending): Nano {
    if (attempt.settlement) return attempt.settlement.amount;
    const cost = this.meter.end(attempt, ending);
    turn.abandoned();
    place.leave(tokensOf(attempt.settlement));
    if (attempt.settlement) quota?.settle(attempt.settlement);
    this.metrics.observe(attempt, this.meter.elapsed(attempt));
    return cost;
  }
}

/** A provider that fell silent may have generated more than reached us, whatever it bills of calls that are cancelled. */
const endingOf = (timer: AttemptSignal, bytes: number, bills: Bills): Ending =>
  timer.cancelled ? { how: 'cancelled', bytes, bills } : { how: 'failed', bytes };

const tokensOf = (settlement: Settlement | undefined): number | undefined =>
  settlement && settlement.inputTokens + settlement.outputTokens;

interface Run {
  plan: Plan;
  relay: Relay;
  /** Settles with the provider's stream. */
  all: Promise<void>;
  timer: AttemptSignal;
  outer: Cancellation;
  bills: Bills;
  finished: (finished: Finished) => void;
}
