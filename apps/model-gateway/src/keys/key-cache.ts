import { Injectable } from '@nestjs/common';
import type { Caller } from './caller.js';

export interface CachedKey {
  caller: Caller;
  /** By the monotonic clock, as `expiresAt` is; Infinity for a key without an end. */
  readAt: number;
  expiresAt: number;
}

const MAX_KNOWN = 20_000;
const MAX_REFUSED = 1_000;

/** Keys that were read, by the digest of the secret that was sent. Those who try secrets push no good key out. */
@Injectable()
export class KeyCache {
  private readonly known = new Map<string, CachedKey>();
  private readonly digests = new Map<string, string>();
  private readonly refused = new Map<string, number>();

  get(digest: string): CachedKey | undefined {
    return this.known.get(digest);
  }

  put(digest: string, key: CachedKey): void {
    this.drop(key.caller.key);
    this.known.set(digest, key);
    this.digests.set(key.caller.key, digest);
    const [oldest] = this.known.values();
    if (this.known.size > MAX_KNOWN && oldest) this.drop(oldest.caller.key);
  }

  drop(id: string): void {
    const digest = this.digests.get(id);
    if (digest === undefined) return;
    this.digests.delete(id);
    this.known.delete(digest);
  }

  clear(): void {
    this.known.clear();
    this.digests.clear();
  }

  /** Remembers that a secret is no good, so that a client which goes on with it costs nothing. */
  refuse(digest: string, until: number): void {
    this.refused.delete(digest);
    this.refused.set(digest, until);
    const [oldest] = this.refused.keys();
    if (this.refused.size > MAX_REFUSED && oldest !== undefined) this.refused.delete(oldest);
  }

  refuses(digest: string, now: number): boolean {
    const until = this.refused.get(digest);
    return until !== undefined && now < until;
  }
}
