import { Injectable } from '@nestjs/common';
import { Bus } from '@purser/bus';
import { keysChanged } from '@purser/contracts';
import { Clock, Log } from '@purser/service';
import { KeyCache } from './key-cache.js';
import { KeysRepository } from './keys.repository.js';

/** A statement may commit so long after the time that it wrote down. */
const COMMIT_MS = 10_000;
/** After a longer silence the cache is emptied, which is cheaper than to ask for everything that changed meanwhile. */
const FORGET_AFTER_MS = 60_000;

/**
 * Keeps the cache true. A change is broadcast, and is asked for besides, since a broadcast may be lost: one question for
 * all keys at once, so that ten thousand keys in use cost the database as little as one.
 */
@Injectable()
export class KeyChanges {
  /** All that had changed by then is out of the cache; by the monotonic clock. */
  private checkedAt: number;
  private clearedAt = -Infinity;
  private readonly heardAt = new Map<string, number>();
  private asking: Promise<void> | undefined;

  constructor(
    private readonly repository: KeysRepository,
    private readonly cache: KeyCache,
    private readonly bus: Bus,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {
    this.checkedAt = clock.monotonic();
  }

  /** For how long nobody has looked whether what was read then still holds. */
  age(readAt: number): number {
    return this.clock.monotonic() - Math.max(readAt, this.checkedAt);
  }

  /** Whether what a read of the key that began then found may have changed under it. */
  changedSince(id: string, readAt: number): boolean {
    return this.clearedAt >= readAt || (this.heardAt.get(id) ?? -Infinity) >= readAt;
  }

  /** Drops what changed from the cache. Those who ask while it is being asked share the answer. */
  ask(): Promise<void> {
    this.asking ??= this.look().finally(() => (this.asking = undefined));
    return this.asking;
  }

  /** Another gateway said so, or this one did it. */
  heard(ids: readonly string[]): void {
    const now = this.clock.monotonic();
    for (const id of ids) {
      this.heardAt.delete(id);
      this.heardAt.set(id, now);
      this.cache.drop(id);
    }
  }

  /** After the change was committed. */
  announce(id: string): void {
    this.heard([id]);
    this.bus
      .publish(keysChanged, undefined, { ids: [id] })
      .catch((error: unknown) => this.log.debug({ error, key: id }, 'the other gateways find out by themselves'));
  }

  private async look(): Promise<void> {
    const askedAt = this.clock.monotonic();
    const unknownMs = askedAt - this.checkedAt;
    if (unknownMs > FORGET_AFTER_MS) {
      this.cache.clear();
      this.clearedAt = askedAt;
    } else this.heard(await this.repository.changedWithin(unknownMs + COMMIT_MS));
    this.checkedAt = askedAt;
    for (const [id, at] of this.heardAt) {
      if (at > askedAt - FORGET_AFTER_MS) break;
      this.heardAt.delete(id);
    }
  }
}
