import { Injectable } from '@nestjs/common';
import { Bus } from '@purser/bus';
import { isPurserError, MOST_SPENDS, type Spend, spendRecorded } from '@purser/contracts';
import { parseUsd } from '@purser/money';
import { Log } from '@purser/service';
import { Journal } from './journal.js';

/** So many messages are on their way to the bus at once. */
const PIPELINE = 4;
/** How long a settlement waits for others to travel with: nobody looks at the ledger that soon, and a message costs more than what is in it. */
const GATHER_MS = 20;
const RETRY_MS = { first: 100, last: 5_000 };
/** While the bus is away, at most so many wait. Then those that cost nothing are dropped; paid ones are bounded by the leases. */
const MAX_WAITING = 50_000;

/** Publishes settlements until the bus has stored them, over restarts of both sides. */
@Injectable()
export class Settlements {
  private readonly waiting: Spend[] = [];
  private flying = 0;
  private backoff = RETRY_MS.first;
  private retry: NodeJS.Timeout | undefined;
  private gathering: NodeJS.Timeout | undefined;
  private dropped = 0;
  private readonly idle: (() => void)[] = [];

  constructor(
    private readonly bus: Bus,
    private readonly journal: Journal,
    private readonly log: Log,
  ) {}

  /** Journals a settlement and sends it on its way. */
  add(spend: Spend): void {
    if (this.waiting.length >= MAX_WAITING && parseUsd(spend.holdUsd) === 0n) {
      if (this.dropped++ === 0) this.log.warn({}, 'the bus is away for long: records of free calls are dropped');
      return;
    }
    try {
      this.journal.settled(spend);
    } catch (error) {
      this.log.error(
        { error, attemptId: spend.attemptId },
        'a settlement is in memory alone: the journal cannot be written',
      );
    }
    this.waiting.push(spend);
    this.gather();
  }

  /** What an earlier life of this gateway left. */
  resume(): void {
    this.waiting.push(...this.journal.unsent);
    this.pump();
  }

  get pending(): number {
    return this.waiting.length + this.flying;
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
    clearTimeout(this.retry);
    clearTimeout(this.gathering);
    this.waiting.length = 0;
  }

  private gather(): void {
    this.gathering ??= setTimeout(() => this.pump(), GATHER_MS);
  }

  private pump(): void {
    clearTimeout(this.gathering);
    this.gathering = undefined;
    while (this.retry === undefined && this.flying < PIPELINE) {
      const batch = this.nextBatch();
      if (batch.length === 0) break;
      this.flying += 1;
      void this.send(batch);
    }
  }

  /** Of one provider, in order: the subject names it. */
  private nextBatch(): Spend[] {
    const provider = this.waiting[0]?.provider;
    const rest = this.waiting.findIndex((spend) => spend.provider !== provider);
    return this.waiting.splice(0, Math.min(rest < 0 ? this.waiting.length : rest, MOST_SPENDS));
  }

  private async send(spends: Spend[]): Promise<void> {
    const [first] = spends;
    if (!first) return;
    try {
      // The same name for the same content, so that a repetition is known as one; the ledger knows each attempt anyway.
      await this.bus.publish(spendRecorded, first.provider, { spends }, `${first.attemptId}+${spends.length - 1}`);
      for (const { attemptId } of spends) this.journal.sent(attemptId);
      this.backoff = RETRY_MS.first;
    } catch (error) {
      if (isPurserError(error) && !error.retryable) {
        this.refused(spends, error);
      } else {
        this.waiting.unshift(...spends);
        this.pause(error);
      }
    } finally {
      this.flying -= 1;
    }
    if (this.waiting.length >= MOST_SPENDS || this.idle.length > 0) this.pump();
    else if (this.waiting.length > 0) this.gather();
    if (this.pending === 0) for (const resolve of this.idle.splice(0)) resolve();
  }

  /** Repeating it would hold up all others, and one that is wrong must not keep back those it travelled with. */
  private refused(spends: readonly Spend[], error: unknown): void {
    const [first] = spends;
    if (spends.length > 1) for (const spend of spends) void this.sendAlone(spend);
    // It stays in the journal, and its money stays leased.
    else this.log.error({ error, attemptId: first?.attemptId }, 'a settlement cannot be published');
  }

  private sendAlone(spend: Spend): Promise<void> {
    this.flying += 1;
    return this.send([spend]);
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
