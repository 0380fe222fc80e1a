import { maxNano, type Nano } from '@purser/money';
import { Log } from '@purser/service';
import type { Config } from '../config.js';
import type { Journal } from '../journal/journal.js';
import type { MatchedWindow } from './matched-window.js';
import type { Reservation } from './hold-queue.js';
import { LeaseClient } from './lease-client.js';
import type { GrantAnswer, LeaseDesk, LeaseFigures, LeasesRead, Wanted } from './lease-desk.js';
import type { Hold } from './wallet.js';

export const LIMIT = 1_000n;
/** Calls of a lower priority may not use what is reserved. */
export const IMPORTANT = 8;
export const IDS = ['a', 'b'];
export const windowOf = (id: string, limit = LIMIT): MatchedWindow => ({
  id,
  budgetId: `budget-${id}`,
  limit,
  critical: (limit * 9n) / 10n,
  settled: 0n,
  rolling: false,
  startsAt: 0,
  endsAt: Infinity,
  blocks: false,
});

/** The same, as a call sees it that may not use so much of it. */
export const limitedOf = (id: string, amount: Nano): MatchedWindow => ({
  ...windowOf(id, LIMIT - amount),
  reserved: { amount, minPriority: IMPORTANT },
});

interface Pending {
  windows: Wanted[];
  priority: number;
  resolve(answer: GrantAnswer): void;
  reject(error: Error): void;
}

/** The watchdog's side of the protocol, whose answers come when the spec says so. */
export class SlowDesk {
  readonly gateway = 'spec';
  readonly granted = new Map(IDS.map((id) => [id, 0n]));
  readonly returned = new Map(IDS.map((id) => [id, 0n]));
  readonly asks: Pending[] = [];
  /** What another gateway has leased. */
  elsewhere = 0n;
  /** Of each window, for important calls. */
  reserved = 0n;
  asked = 0;
  failReturns = false;
  /** What reading the leases answers. */
  leases: LeaseFigures[] = [];
  releases = 0;
  acknowledged = 0;

  ask(windows: Wanted[], priority: number): Promise<GrantAnswer> {
    this.asked += 1;
    return new Promise((resolve, reject) => this.asks.push({ windows, priority, resolve, reject }));
  }

  giveBack(totals: { windowId: string; returned: Nano }[]): Promise<void> {
    if (this.failReturns) return Promise.reject(new Error('nobody there'));
    for (const { windowId, returned } of totals)
      if (returned > this.of(this.returned, windowId)) this.returned.set(windowId, returned);
    return Promise.resolve();
  }

  read(): Promise<LeasesRead> {
    return Promise.resolve({ leases: this.leases, releases: this.releases });
  }

  acknowledge(releases: number): void {
    this.acknowledged = releases;
  }

  of(map: Map<string, Nano>, id: string): Nano {
    return map.get(id) ?? 0n;
  }

  /** In this model nothing is ever taken off by the ledger, so what is consumed counts as leased. */
  left(id: string): Nano {
    return LIMIT - this.elsewhere - this.of(this.granted, id) + this.of(this.returned, id);
  }

  /** Whether all that is leased leaves the reserve alone. */
  isIntact(id: string): boolean {
    return this.left(id) >= this.reserved;
  }

  answer(): void {
    const pending = this.asks.shift();
    if (pending) pending.resolve(this.decide(pending));
  }

  /** What the watchdog does now, whenever its answer arrives. */
  decide(pending: Pending): GrantAnswer {
    const kept = pending.priority < IMPORTANT ? this.reserved : 0n;
    const refused = pending.windows.find(({ windowId, need, granted }) => {
      const lacking = maxNano(0n, need - (this.of(this.granted, windowId) - granted));
      return lacking > this.left(windowId) - kept && (lacking > 0n || kept > 0n);
    });
    if (!refused)
      for (const { windowId, need, want, granted } of pending.windows) {
        const lacking = need - (this.of(this.granted, windowId) - granted);
        if (lacking <= 0n) continue;
        const most = (this.left(windowId) - kept) / 10n;
        const slice = want < most ? want : most;
        this.granted.set(windowId, this.of(this.granted, windowId) + (lacking > slice ? lacking : slice));
      }
    return {
      totals: pending.windows.map(({ windowId }) => ({
        windowId,
        granted: this.of(this.granted, windowId),
        ...(this.reserved > 0n ? { reserveIntact: this.isIntact(windowId) } : {}),
      })),
      refusal: refused && { kind: 'held', windowId: refused.windowId },
    };
  }
}

const quiet = () => undefined;
export const log = { debug: quiet, info: quiet, warn: quiet, error: quiet, child: () => log } as unknown as Log;

export async function openClient(desk: SlowDesk, waitMs = 2_000, returned: () => void = quiet): Promise<LeaseClient> {
  const journal = { totals: new Map(), returned, forget: quiet } as unknown as Journal;
  const clock = { now: () => new Date(), monotonic: () => performance.now() };
  const config = { PURSER_HOLD_WAIT_MS: waitMs } as Config;
  const client = new LeaseClient(desk as unknown as LeaseDesk, journal, clock, log, config);
  client.start();
  await jest.advanceTimersByTimeAsync(0);
  return client;
}

export const caller = new AbortController();
export const reserve = (client: LeaseClient, ids: string[], most: Nano, least = most, priority = 5, reserved = 0n) => {
  const limited = reserved > 0n && priority < IMPORTANT;
  const windows = ids.map((id) => (limited ? limitedOf(id, reserved) : windowOf(id)));
  return client.reserve({ windows, most, least, priority, caller });
};
export const holdOf = (reservation: Reservation): Hold => {
  if (!reservation.ok) throw new Error(`refused: ${reservation.why}`);
  return reservation.hold;
};
