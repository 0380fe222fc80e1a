import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Bus, check, frame } from '@purser/bus';
import { type Fact, PurserError } from '@purser/contracts';
import {
  appendToOutbox,
  Database,
  deleteFromOutbox,
  factsOf,
  type OutboxEntry,
  outboxIsEmpty,
  type Sql,
  takeFromOutbox,
} from '@purser/database';
import type { z } from 'zod';
import { Log } from './log.js';
import { Ticker } from './ticker.js';

const SWEEP_MS = 1_000;
/** What an instance that died left behind is found by every so-manieth sweep; each one would only keep Postgres awake. */
const IDLE_SWEEPS = 5;
/** Where nothing was sent for so long, the other instances have nothing to send either, or hardly so. */
const QUIET_MS = 60_000;
const QUIET_SWEEPS = 60;
const BATCH = 200;
/** Of the facts of these rows: each time has a few seconds to be stored. */
const PUBLISHED_AT_ONCE = 1_000;
/** While facts keep coming they are sent together, so often: each time costs a transaction. */
const PACE_MS = 50;
/** So much later is what need not be told at once: what follows from it goes along, and whoever waits for it is not held up. */
const MOMENT_MS = 10;
/** One that the server would refuse as too large would hold up all that follow it. */
const MAX_EVENT_BYTES = 4 * 1024 * 1024;

/** Facts that must be published if, and only if, a transaction commits. */
@Injectable()
export class Outbox implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly ticker = new Ticker(SWEEP_MS, () => void this.sweep());
  private flushing: Promise<void> | undefined;
  private again = false;
  private soon: NodeJS.Timeout | undefined;
  /** The table was seen empty after everything that this instance added was to be sent. */
  private settled = false;
  private sweeps = 0;
  private wanted = 0;
  private stopping = false;
  private drainedAt = -Infinity;

  constructor(
    private readonly database: Database,
    private readonly bus: Bus,
    private readonly log: Log,
  ) {}

  /** Adds a fact to the transaction. Call `flush` after it, to send at once; the sweep sends it anyway. */
  async add<F extends Fact>(tx: Sql, fact: F, id: string, data: z.input<F['data']>, eventId?: string): Promise<void> {
    await this.addAll(tx, [this.entry(fact, id, data, eventId)]);
  }

  async addAll(tx: Sql, entries: OutboxEntry[]): Promise<void> {
    this.settled = false;
    await appendToOutbox(tx, entries);
  }

  /** For `addAll`, or for a statement that itself puts it into the outbox. */
  entry<F extends Fact>(fact: F, id: string, data: z.input<F['data']>, eventId?: string): OutboxEntry {
    const subject = `${fact.name}.${id}`;
    const event = frame(fact.name, subject, check(fact.data, data, fact.name), this.bus.origin, eventId);
    const text = JSON.stringify(event);
    // Characters are at most three bytes: most need not be counted.
    if (text.length * 3 > MAX_EVENT_BYTES && Buffer.byteLength(text) > MAX_EVENT_BYTES) {
      throw new PurserError('payload_too_large', {
        message: `${subject}: a fact of ${Buffer.byteLength(text)} bytes; at most ${MAX_EVENT_BYTES} can be published`,
        details: { limitBytes: MAX_EVENT_BYTES },
      });
    }
    return { eventId: event.id, subject, event: text };
  }

  onApplicationBootstrap(): void {
    this.ticker.start();
  }

  async onModuleDestroy(): Promise<void> {
    this.ticker.stop();
    clearTimeout(this.soon);
    this.stopping = true;
    await this.flush();
  }

  /** How often something was to be sent: while it stays the same, nothing was written here that is told of. */
  get flushes(): number {
    return this.wanted;
  }

  /** Never rejects: what cannot be sent now is sent by a later sweep. */
  flush(): Promise<void> {
    this.wanted++;
    this.settled = false;
    this.again = true;
    this.flushing ??= this.drain().finally(() => (this.flushing = undefined));
    return this.flushing;
  }

  /** The same in a moment, with all that is added until then. */
  flushSoon(): void {
    this.settled = false;
    if (this.stopping) return void this.flush();
    this.soon ??= setTimeout(() => {
      this.soon = undefined;
      void this.flush();
    }, MOMENT_MS);
  }

  /** Also after a flush that succeeded: another instance's relay may have held the lock, and ended without our facts. */
  private async sweep(): Promise<void> {
    if (this.flushing || !this.bus.connected) return;
    const quiet = performance.now() - this.drainedAt > QUIET_MS;
    if (this.sweeps++ % (quiet ? QUIET_SWEEPS : IDLE_SWEEPS) !== 0 && this.settled) return;
    this.settled = true;
    try {
      if (!(await outboxIsEmpty(this.database))) await this.flush();
    } catch (error) {
      this.settled = false;
      this.log.debug({ error }, 'the outbox cannot be read; trying on');
    }
  }

  private async drain(): Promise<void> {
    while (this.again && this.bus.connected) {
      const early = this.drainedAt + PACE_MS - performance.now();
      if (early > 0 && !this.stopping) await new Promise((resolve) => setTimeout(resolve, early));
      this.drainedAt = performance.now();
      this.again = false;
      try {
        while (await this.sendBatch());
      } catch (error) {
        this.log.debug({ error }, 'facts wait in the outbox');
        return;
      }
    }
  }

  /** Whether there may be more. */
  private sendBatch(): Promise<boolean> {
    return this.database.transaction(async (tx) => {
      const { rows, more } = await takeFromOutbox(tx, BATCH);
      if (rows.length === 0) return false;
      const facts = rows.flatMap(factsOf);
      for (let at = 0; at < facts.length; at += PUBLISHED_AT_ONCE)
        await this.bus.publishAllFramed(facts.slice(at, at + PUBLISHED_AT_ONCE));
      await deleteFromOutbox(tx, rows);
      return more;
    });
  }
}
