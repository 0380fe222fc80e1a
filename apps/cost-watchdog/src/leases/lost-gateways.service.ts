import { Injectable } from '@nestjs/common';
import { type leasesPresumed, PurserError, type ReplyOf, type RequestOf } from '@purser/contracts';
import { Database, type Sql } from '@purser/database';
import { Clock } from '@purser/service';
import { WindowsRepository } from '../windows/windows.repository.js';
import { Presence } from './presence.js';
import { presumedOf, releaseOf, ReleasesRepository } from './releases.repository.js';

/**
 * So long a gateway has been presumed lost before its leases may be released. One that heard nothing of a watchdog for
 * 10 s uses none of its leases before it has read them again; so it does not use these, should it live after all.
 */
export const LOST_FOR_MS = 30_000;

export interface LostLeases {
  windowIds: bigint[];
  now: Date;
}

@Injectable()
export class LostGateways {
  constructor(
    private readonly database: Database,
    private readonly releases: ReleasesRepository,
    private readonly windows: WindowsRepository,
    private readonly presence: Presence,
    private readonly clock: Clock,
  ) {}

  async list({ limit }: RequestOf<typeof leasesPresumed>): Promise<ReplyOf<typeof leasesPresumed>> {
    const presumed = await this.releases.presumed(this.database, this.clock.now());
    const releases = await this.releases.history(this.database, limit);
    return { presumed: presumed.map(presumedOf), releases: releases.map(releaseOf) };
  }

  /** Locks what a gateway is presumed to have spent. Throws unless it is lost, as far as anybody can tell. */
  async lock(tx: Sql, gateway: string): Promise<LostLeases> {
    // Also so that releases commit in the order of their numbers.
    await this.windows.lockShaping(tx);
    const now = this.clock.now();
    const lost = await this.releases.presumed(tx, now, gateway);
    const windowIds = lost.map((row) => row.window_id);
    await this.windows.lockRows(tx, windowIds);
    // Only now does it stay so: while this waited, the gateway may have come back and fallen silent again.
    const lostBefore = new Date(now.getTime() - LOST_FOR_MS);
    const { known, holds } = await this.releases.standing(tx, gateway, lostBefore);
    if (!known) throw new PurserError('not_found', { message: `no gateway "${gateway}" ever had a lease` });
    this.checkSilence(gateway);
    if (holds) {
      throw new PurserError('conflict', {
        message: `gateway "${gateway}" has been silent for less than ${LOST_FOR_MS / 1_000} s: it may be starting again; try later`,
        details: { gateway, state: 'silent' },
      });
    }
    return { windowIds, now };
  }

  private checkSilence(gateway: string): void {
    if (this.presence.alive().includes(gateway)) {
      throw new PurserError('conflict', {
        message: `gateway "${gateway}" is alive: what it holds is in use, and what it does not need it returns by itself`,
        details: { gateway, state: 'alive' },
      });
    }
    if (!this.presence.certain) {
      throw new PurserError('unavailable', {
        message: `this cost-watchdog has not listened long enough to tell whether gateway "${gateway}" is alive; try again in 10 s`,
      });
    }
  }
}
