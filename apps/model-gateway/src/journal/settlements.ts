import { Injectable } from '@nestjs/common';
import { Bus } from '@purser/bus';
import { isPurserError, type Spend, spendRecorded } from '@purser/contracts';
import { parseUsd } from '@purser/money';
import { Log } from '@purser/service';
import { Journal } from './journal.js';

/** So many are on their way to the bus at once. */
const PIPELINE = 64;
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
    this.pump();
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
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, timeoutMs)));
    await Promise.race([new Promise<void>((resolve) => this.idle.push(resolve)), late]);
    clearTimeout(timer);
  }

  stop(): void {
    clearTimeout(this.retry);
    this.waiting.length = 0;
  }

  private pump(): void {
    while (this.retry === undefined && this.flying < PIPELINE) {
      const spend = this.waiting.shift();
      if (!spend) break;
      this.flying += 1;
      void this.send(spend);
    }
  }

  private async send(spend: Spend): Promise<void> {
    try {
      await this.bus.publish(spendRecorded, spend.provider, spend, spend.attemptId);
      this.journal.sent(spend.attemptId);
      this.backoff = RETRY_MS.first;
    } catch (error) {
      if (isPurserError(error) && !error.retryable) {
        // Repeating it would hold up all others. It stays in the journal, and its money stays leased.
        this.log.error({ error, attemptId: spend.attemptId }, 'a settlement cannot be published');
      } else {
        this.waiting.unshift(spend);
        this.pause(error);
      }
    } finally {
      this.flying -= 1;
    }
    this.pump();
    if (this.pending === 0) for (const resolve of this.idle.splice(0)) resolve();
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
