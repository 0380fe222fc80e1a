import { type BeforeApplicationShutdown, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { type Call, CALLS_KEPT_DAYS, isPurserError, PurserError } from '@purser/contracts';
import { Clock, Log, Metrics } from '@purser/service';
import type { CallContext } from '../calls/calls.service.js';
import { Journal } from '../journal/journal.js';
import { ADMIN_KEY_ID } from '../keys/caller.js';
import { recordOf } from './call-record.js';
import { CallsRepository } from './calls.repository.js';

const WRITE_MS = 500;
const BATCH = 500;
/** About 20 MB. Beyond it nothing is kept until the database answers. */
const MOST_WAITING = 10_000;
const SWEEP_MS = 10 * 60_000;
const SWEEP_BATCH = 5_000;
const SWEEP_BATCHES = 100;

/** Keeps what became of each call, for those who ask why. Never holds a call up: what cannot be written in time is counted and dropped. */
@Injectable()
export class CallRecords implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private waiting: Call[] = [];
  private writing: Promise<void> | undefined;
  private dropped = 0;
  private readonly droppedTotal;
  private readonly timers: NodeJS.Timeout[] = [];

  constructor(
    private readonly repository: CallsRepository,
    private readonly journal: Journal,
    private readonly clock: Clock,
    private readonly log: Log,
    metrics: Metrics,
  ) {
    this.droppedTotal = metrics.counter(
      'purser_gateway_call_records_dropped_total',
      'Calls that cannot be explained, since the database did not take their records in time',
    );
  }

  onApplicationBootstrap(): void {
    this.timers.push(
      setInterval(() => void this.write(), WRITE_MS),
      setInterval(() => void this.sweep(), SWEEP_MS),
    );
  }

  /** All calls have ended by now. */
  async beforeApplicationShutdown(): Promise<void> {
    for (const timer of this.timers) clearInterval(timer);
    await this.writing;
    await this.write();
  }

  /** To be told when a call is over and settled. */
  add(context: CallContext, error: unknown): void {
    if (this.waiting.length >= MOST_WAITING) {
      this.dropped += 1;
      this.droppedTotal.inc();
      return;
    }
    const latencyMs = Math.round(performance.now() - context.startedAt);
    const at = new Date(this.clock.now().getTime() - latencyMs);
    this.waiting.push(recordOf(context, { gateway: this.journal.gateway, at, latencyMs, error }));
  }

  /** A key sees its own calls alone, and cannot tell another's from none. */
  async get(id: string, asking: string = ADMIN_KEY_ID): Promise<Call> {
    const call = this.waiting.find((one) => one.id === id) ?? (await this.repository.get(id));
    if (call && (asking === ADMIN_KEY_ID || call.key === asking)) return call;
    throw new PurserError('not_found', {
      message: `there is no call "${id}"; a call is there a second after it ended, for ${CALLS_KEPT_DAYS} days`,
    });
  }

  /** Never rejects. */
  private write(): Promise<void> {
    this.writing ??= this.writeAll()
      .catch((error: unknown) => this.log.debug({ error }, 'records of calls wait to be written'))
      .finally(() => (this.writing = undefined));
    return this.writing;
  }

  private async writeAll(): Promise<void> {
    while (this.waiting.length > 0) {
      const batch = this.waiting.slice(0, BATCH);
      await this.keep(batch);
      this.waiting = this.waiting.slice(batch.length);
    }
    if (this.dropped === 0) return;
    this.log.warn(
      { calls: this.dropped },
      'calls cannot be explained: the database did not take their records in time',
    );
    this.dropped = 0;
  }

  /** What the database refuses for itself would be refused again, and must not stand in the way of the others. */
  private async keep(batch: readonly Call[]): Promise<void> {
    try {
      await this.repository.add(batch);
    } catch (error) {
      if (isPurserError(error) && error.retryable === true) throw error;
      this.log.error({ error, calls: batch.length }, 'records of calls were refused by the database');
    }
  }

  private async sweep(): Promise<void> {
    try {
      for (let batch = 0; batch < SWEEP_BATCHES; batch++)
        if ((await this.repository.removeOld(SWEEP_BATCH)) < SWEEP_BATCH) return;
    } catch (error) {
      this.log.debug({ error }, 'old records of calls wait to be removed');
    }
  }
}
