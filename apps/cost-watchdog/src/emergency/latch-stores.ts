import { Injectable } from '@nestjs/common';
import { Bus } from '@purser/bus';
import { emergencyCleared, emergencyShutdown, type Latch as LatchState, PurserError } from '@purser/contracts';
import { Database } from '@purser/database';
import { Latch, Log } from '@purser/service';
import { LatchBucket } from './latch-bucket.js';
import { isNewer, newest } from './latch-order.js';
import { LatchRepository } from './latch.repository.js';
import { within } from './within.js';

const POSTGRES_MS = 1_000;
const BROADCAST_MS = 2_000;
/** What a heartbeat has read in this very moment need not be read again. */
const JUST_NOW_MS = 500;

type Stored = LatchState & { announced: boolean };

/** Keeps Postgres, the bucket and what was broadcast of one mind: the newest state wins everywhere. */
@Injectable()
export class LatchStores {
  private lastRead: { stored: Promise<Stored>; at: number } | undefined;

  constructor(
    private readonly database: Database,
    private readonly repository: LatchRepository,
    private readonly bucket: LatchBucket,
    private readonly bus: Bus,
    private readonly latch: Latch,
    private readonly log: Log,
  ) {}

  /** From Postgres just now, or an emergency that Postgres has not learnt of yet. Rejects without Postgres. */
  async confirmed(): Promise<LatchState> {
    return this.newestOf(await within(POSTGRES_MS, 'Postgres', this.repository.read(this.database)));
  }

  /** For each heartbeat: the same of what it reads with more. */
  async confirmedBy<T extends { latch: Stored }>(reading: Promise<T>): Promise<T & { latch: LatchState }> {
    const bounded = within(POSTGRES_MS, 'Postgres', reading);
    this.lastRead = { stored: bounded.then(({ latch }) => latch), at: performance.now() };
    this.lastRead.stored.catch(() => undefined);
    const read = await bounded;
    return { ...read, latch: this.newestOf(read.latch) };
  }

  private newestOf({ announced: _, ...stored }: Stored): LatchState {
    return newest([stored, this.latch.latest]) ?? stored;
  }

  private async stored(): Promise<Stored> {
    const { lastRead } = this;
    if (lastRead && performance.now() - lastRead.at < JUST_NOW_MS) {
      // It reads more than the latch: what went wrong may have been the rest.
      const stored = await lastRead.stored.catch(() => undefined);
      // Unless it was changed here since then.
      if (stored && (!this.latch.latest || !isNewer(this.latch.latest, stored))) return stored;
    }
    return within(POSTGRES_MS, 'Postgres', this.repository.read(this.database));
  }

  /** The newest state that any store that can be reached knows. */
  async newestKnown(): Promise<LatchState | undefined> {
    const [stored, kept] = await Promise.all([
      this.confirmed().catch(() => undefined),
      this.bucket.read().catch(() => undefined),
    ]);
    return newest([stored, kept, this.latch.latest]);
  }

  /** Every 2 s: whatever was away when the latch changed learns of it now. */
  async reconcile(): Promise<void> {
    // The bucket first: heartbeats read what Postgres knows in the same moment.
    const kept = await this.bucket.read();
    const { announced, ...stored } = await this.stored();
    const state = newest([stored, kept, this.latch.latest]) ?? stored;
    const adopts = isNewer(state, stored);
    if (adopts) {
      this.log.warn({ serial: state.serial, active: state.active }, 'the latch was changed while Postgres was away');
      await this.repository.adopt(this.database, state);
    }
    if (!kept || isNewer(state, kept)) await this.bucket.write(state);
    if (adopts || !announced) await this.announcePending();
  }

  /** Broadcasts a change that was committed but is not known to have been sent. */
  async announcePending(): Promise<void> {
    const { announced, ...state } = await this.repository.read(this.database);
    if (!announced) await this.spread(state);
  }

  /** Tells everybody, by every way that is open. Rejects only when none is. */
  async spread(state: LatchState): Promise<void> {
    if (state.active) this.latch.observe(state, false);
    const [kept, sent] = await Promise.allSettled([this.bucket.write(state), this.broadcast(state)]);
    if (sent.status === 'fulfilled') {
      await within(POSTGRES_MS, 'Postgres', this.repository.markAnnounced(this.database, state)).catch(() => undefined);
      return;
    }
    this.log.error(
      { error: sent.reason as unknown, serial: state.serial },
      'the broadcast of the latch was not stored; trying on',
    );
    if (kept.status === 'rejected') {
      throw new PurserError('unavailable', {
        message: 'NATS cannot be reached to spread the latch',
        cause: sent.reason,
      });
    }
  }

  private async broadcast(state: LatchState): Promise<void> {
    if (!this.bus.connected) throw new PurserError('unavailable', { message: 'NATS is not connected' });
    const fact = state.active ? emergencyShutdown : emergencyCleared;
    const id = `emergency-${state.serial}-${state.active ? 'set' : 'cleared'}`;
    await within(BROADCAST_MS, 'JetStream', this.bus.publish(fact, undefined, state, id));
  }
}
