import { Inject, Injectable } from '@nestjs/common';
import type { Nano } from '@purser/money';
import type { ProviderError, Usage } from '@purser/plugin-sdk';
import { CONFIG } from '@purser/service';
import type { Config } from '../config.js';
import { Providers } from '../models/providers.js';
import { CallMetrics } from './call-metrics.js';
import { type Attempt, Meter } from './meter.js';
import type { Bills, Ending } from './settlement-rules.js';
import { AttemptSignal, brokenOff, providerFailure } from './attempt-signal.js';
import type { StreamPiece, Target, WholeAnswer } from './way.js';

export interface Finished {
  cost: Nano;
  usage: Usage | undefined;
}

export type AttemptResult =
  | { kind: 'whole'; answer: WholeAnswer; finished: Finished }
  | { kind: 'stream'; frames: AsyncGenerator<string, Finished> }
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
  async whole(attempt: Attempt, target: Target, outer: AbortSignal): Promise<AttemptResult> {
    const timer = new AttemptSignal(outer, this.limits);
    try {
      const answer = await timer.race(target.whole({ signal: timer.signal }));
      const { usage, bytes } = answer;
      const cost = this.end(attempt, { how: 'answered', usage, bytes, bills: target.cancelledCallsBill });
      return { kind: 'whole', answer, finished: { cost, usage } };
    } catch (thrown) {
      // Nothing of it reached us, so nothing tells how much was generated.
      if (outer.aborted) this.end(attempt, endingOf(timer, 0, 'full'));
      return this.failed(attempt, thrown, outer);
    } finally {
      timer.end();
    }
  }

  async stream(attempt: Attempt, target: Target, outer: AbortSignal): Promise<AttemptResult> {
    const timer = new AttemptSignal(outer, this.limits);
    const { cancelledCallsBill: bills } = target;
    try {
      timer.listen();
      const source = target.stream({ signal: timer.signal })[Symbol.asyncIterator]();
      const first = await timer.race(source.next());
      const run: Run = { attempt, source, first, timer, outer, bills, bytes: 0 };
      // However the call ends, also when nobody ever reads the stream.
      timer.whenOver(() => {
        this.end(attempt, endingOf(timer, run.bytes, bills));
        source.return?.().catch(() => undefined);
      });
      return { kind: 'stream', frames: this.relay(run) };
    } catch (thrown) {
      if (outer.aborted) this.end(attempt, endingOf(timer, 0, bills));
      timer.end();
      return this.failed(attempt, thrown, outer);
    }
  }

  private async *relay(run: Run): AsyncGenerator<string, Finished> {
    const { attempt, source, timer, outer, bills } = run;
    let usage: Usage | undefined;
    try {
      for (let next = run.first; !next.done; next = await timer.race(source.next())) {
        // A client that reads slowly is no silence of the provider.
        timer.pause();
        const { frames, bytes, usage: told } = next.value;
        run.bytes += bytes;
        usage = told ?? usage;
        if (frames !== '') yield frames;
        timer.listen();
      }
      return { cost: this.end(attempt, { how: 'answered', usage, bytes: run.bytes, bills }), usage };
    } catch (thrown) {
      if (outer.aborted) throw outer.reason;
      const error = providerFailure(thrown);
      // Whatever the provider says: tokens were generated, and it does not tell how many.
      this.providers.coolDowns.failed(attempt.tier.provider, attempt.tier.model, error);
      this.end(attempt, { how: 'failed', bytes: run.bytes });
      throw brokenOff(error);
    } finally {
      timer.end();
    }
  }

  private failed(attempt: Attempt, thrown: unknown, outer: AbortSignal): AttemptResult {
    if (outer.aborted) throw outer.reason;
    const error = providerFailure(thrown);
    this.providers.coolDowns.failed(attempt.tier.provider, attempt.tier.model, error);
    const cost = this.end(attempt, error.mayBill ? { how: 'failed', bytes: 0 } : { how: 'refused' });
    return { kind: 'failed', error, cost };
  }

  private end(attempt: Attempt, ending: Ending): Nano {
    if (attempt.settlement) return attempt.settlement.amount;
    const cost = this.meter.end(attempt, ending);
    if (ending.how === 'answered') this.providers.coolDowns.succeeded(attempt.tier.provider, attempt.tier.model);
    this.metrics.observe(attempt, this.meter.elapsed(attempt));
    return cost;
  }
}

/** A provider that fell silent may have generated more than reached us, whatever it bills of calls that are cancelled. */
const endingOf = (timer: AttemptSignal, bytes: number, bills: Bills): Ending =>
  timer.cancelled ? { how: 'cancelled', bytes, bills } : { how: 'failed', bytes };

interface Run {
  attempt: Attempt;
  source: AsyncIterator<StreamPiece>;
  first: IteratorResult<StreamPiece>;
  timer: AttemptSignal;
  outer: AbortSignal;
  bills: Bills;
  /** Of the answer's text that reached us. */
  bytes: number;
}
