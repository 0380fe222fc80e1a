import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Bus } from '@purser/bus';
import { isPurserError, MOST_SPENDS, type Spend, spendRecorded } from '@purser/contracts';
import { type Nano, parseUsd } from '@purser/money';
import { Log } from '@purser/service';
import { Journal } from './journal.js';

/** So many messages are on their way to the bus at once. */
const PIPELINE = 4;
/** How long a settlement waits for others to travel with: nobody looks at the ledger that soon, and a message costs more than what is in it. */
const GATHER_MS = 20;
const RETRY_MS = { first: 100, last: 5_000 };
/** While the bus is away, at most so many wait. Then those that cost nothing are dropped; paid ones are bounded by the leases. */
const MAX_WAITING = 50_000;

/** One message. It is repeated as it is or not at all: a stream takes what has a known name for a repetition, whatever is in it. */
interface Batch {
  id: string;
  spends: readonly Spend[];
}

/** Publishes settlements until the bus has stored them, over restarts of both sides. */
@Injectable()
export class Settlements {
  private readonly waiting: Spend[] = [];
  /** Batches that may have been stored and must be sent once more. */
  private readonly again: Batch[] = [];
  private flying = 0;
  /** Settlements in messages that are under way, or that must be sent once more. */
  private unconfirmed = 0;
  private backoff = RETRY_MS.first;
  private retry: NodeJS.Timeout | undefined;
  private gathering: NodeJS.Timeout | undefined;
  private dropped = 0;
  /** The bus is about to close: what is not confirmed by now stays in the journal. */
  private stopped = false;
  private readonly idle: (() => void)[] = [];

  constructor(
    private readonly bus: Bus,
    private readonly journal: Journal,
    private readonly log: Log,
  ) {}

  /** Journals a settlement and sends it on its way. `consumed`: what of its hold it took, for whoever knows. */
  add(spend: Spend, consumed?: Nano): void {
    if (this.waiting.length >= MAX_WAITING && parseUsd(spend.holdUsd) === 0n) {
      if (this.dropped++ === 0) this.log.warn({}, 'the bus is away for long: records of free calls are dropped');
      return;
    }
    this.journal.settled(spend, consumed);
    if (this.stopped) return;
    this.waiting.push(spend);
    this.gather();
  }

  /** What an earlier life of this gateway left. */
  resume(): void {
    // One by one: there may be more of them than a call takes arguments.
    for (const spend of this.journal.unsent) this.waiting.push(spend);
    this.pump();
  }

  get pending(): number {
    return this.waiting.length + this.unconfirmed;
  }

  /** Resolves when all is stored, or after `timeoutMs`: then the journal keeps it for the next start. */
  async flush(timeoutMs: number): Promise<void> {
    if (this.pending === 0) return;
    this.pump();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, timeoutMs)));
    await Promise.race([new Promise<void>((resolve) => this.idle.push(resolve)), late]);
    clearTimeout(timer);
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.retry);
    clearTimeout(this.gathering);
    this.waiting.length = 0;
    this.again.length = 0;
    this.unconfirmed = 0;
  }

  private gather(): void {
    this.gathering ??= setTimeout(() => this.pump(), GATHER_MS);
  }

  private pump(): void {
    clearTimeout(this.gathering);
    this.gathering = undefined;
    while (!this.stopped && this.retry === undefined && this.flying < PIPELINE) {
      const batch = this.again.shift() ?? this.nextBatch();
      if (!batch) break;
      this.flying += 1;
      void this.send(batch);
    }
  }

  /** Of one provider, in order: the subject names it. */
  private nextBatch(): Batch | undefined {
    const provider = this.waiting[0]?.provider;
    const rest = this.waiting.findIndex((spend) => spend.provider !== provider);
    const spends = this.waiting.splice(0, Math.min(rest < 0 ? this.waiting.length : rest, MOST_SPENDS));
    if (spends.length === 0) return undefined;
    this.unconfirmed += spends.length;
    return { id: randomUUID(), spends };
  }

  private async send(batch: Batch): Promise<void> {
    const { id, spends } = batch;
    // Or a kill would leave two accounts of one call: what the ledger was told, and its hold.
    this.journal.flush();
    try {
      await this.bus.publish(spendRecorded, spends[0]?.provider, { spends: [...spends] }, id);
      for (const { attemptId } of spends) this.journal.sent(attemptId);
      if (this.stopped) return;
      this.unconfirmed -= spends.length;
      this.backoff = RETRY_MS.first;
    } catch (error) {
      if (this.stopped) return;
      if (isPurserError(error) && !error.retryable) this.refused(spends, error);
      else {
        this.again.push(batch);
        this.pause(error);
      }
    } finally {
      this.flying -= 1;
    }
    if (this.again.length > 0 || this.waiting.length >= MOST_SPENDS || this.idle.length > 0) this.pump();
    else if (this.waiting.length > 0) this.gather();
    if (this.pending === 0) for (const resolve of this.idle.splice(0)) resolve();
  }

  /** Repeating it would hold up all others, and one that is wrong must not keep back those it travelled with. */
  private refused(spends: readonly Spend[], error: unknown): void {
    const [first] = spends;
    if (spends.length > 1) for (const spend of spends) this.again.push({ id: randomUUID(), spends: [spend] });
    // It stays in the journal, and its money stays leased.
    else {
      this.unconfirmed -= spends.length;
      this.log.error({ error, attemptId: first?.attemptId }, 'a settlement cannot be published');
    }
  }

  private pause(error: unknown): void {
    if (this.retry !== undefined) return;
    this.log.debug({ error, pending: this.pending }, 'settlements wait for the bus');
    this.retry = setTimeout(() => {
      this.retry = undefined;
      this.pump();
    }, this.backoff);
    this.backoff = Math.min(RETRY_MS.last, this.backoff * 2);
  }
}
