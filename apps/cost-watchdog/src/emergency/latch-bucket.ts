import { Injectable } from '@nestjs/common';
import { Bus } from '@purser/bus';
import { BUCKETS, Latch, PurserError } from '@purser/contracts';
import { isNewer } from './latch-order.js';
import { within } from './within.js';

const KEY = 'latch';
const LIMIT_MS = 2_000;
const TRIES = 5;

/** The latch in the key-value bucket, where every service reads it at its start, also when Postgres is away. */
@Injectable()
export class LatchBucket {
  constructor(private readonly bus: Bus) {}

  async read(): Promise<Latch | undefined> {
    const kept = Latch.safeParse(await this.bounded(() => this.bus.read(BUCKETS.emergency, KEY)));
    return kept.success ? kept.data : undefined;
  }

  /** Writes unless the bucket knows better: several watchdogs may write at once. */
  write(state: Latch): Promise<void> {
    return this.bounded(async () => {
      const bucket = await this.bus.bucket(BUCKETS.emergency);
      for (let attempt = 1; ; attempt++) {
        const entry = await bucket.get(KEY);
        const kept = Latch.safeParse(entry?.operation === 'PUT' ? entry.json() : undefined);
        if (kept.success && !isNewer(state, kept.data)) return;
        try {
          await (entry
            ? bucket.update(KEY, JSON.stringify(state), entry.revision)
            : bucket.create(KEY, JSON.stringify(state)));
          return;
        } catch (error) {
          if (attempt === TRIES) throw error;
        }
      }
    });
  }

  private async bounded<T>(work: () => Promise<T>): Promise<T> {
    if (!this.bus.connected) throw new PurserError('unavailable', { message: 'NATS is not connected' });
    return within(LIMIT_MS, 'the NATS bucket "emergency"', work());
  }
}
