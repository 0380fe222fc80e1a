import { Injectable } from '@nestjs/common';
import { Bus } from '@purser/bus';
import { leasesGrant, leasesRead, leasesReturn, type ReplyOf } from '@purser/contracts';
import { formatUsd, maxNano, type Nano, parseUsd } from '@purser/money';

export interface Wanted {
  windowId: string;
  granted: Nano;
  need: Nano;
  want: Nano;
  /** The smallest whole hold that is of use. */
  least: Nano;
}

export interface LeaseFigures {
  windowId: string;
  granted: Nano;
  returned: Nano;
  consumed: Nano;
  /** When not zero: none of what was granted so far may be used any more. */
  released: Nano;
}

export interface LeasesRead {
  leases: LeaseFigures[];
  /** Every release of lost leases up to this one is in them. */
  releases: number;
}

export interface GrantAnswer {
  totals: {
    windowId: string;
    granted: Nano;
    /** What the ledger has of the window, and how much of that is this gateway's. */
    spent?: { settled: Nano; consumed: Nano };
    /** Whether nothing of the budget's reserve is settled or leased; absent where it has none. */
    reserveIntact?: boolean | undefined;
  }[];
  refusal: NonNullable<ReplyOf<typeof leasesGrant>['refusal']> | undefined;
}

const TIMEOUT_MS = 2_000;
const RETURNS_AT_ONCE = 1_000;

/** The lease protocol over the bus, in nano-dollars. Every request carries totals, so repeating one is harmless. */
@Injectable()
export class LeaseDesk {
  private releases = 0;

  constructor(private readonly bus: Bus) {}

  get gateway(): string {
    return this.bus.origin.instance;
  }

  async ask(windows: Wanted[], priority: number, signal: AbortSignal): Promise<GrantAnswer> {
    const reply = await this.bus.call(
      leasesGrant,
      {
        gateway: this.gateway,
        releases: this.releases,
        priority,
        windows: windows.map(({ windowId, granted, need, want, least }) => ({
          windowId,
          grantedUsd: formatUsd(granted),
          needUsd: formatUsd(need),
          wantUsd: formatUsd(maxNano(need, want)),
          leastUsd: formatUsd(least),
        })),
      },
      { timeoutMs: TIMEOUT_MS, signal },
    );
    return {
      totals: reply.windows.map(({ windowId, grantedUsd, settledUsd, consumedUsd, reserveIntact }) => ({
        windowId,
        granted: parseUsd(grantedUsd),
        reserveIntact,
        ...(settledUsd === undefined || consumedUsd === undefined
          ? {}
          : { spent: { settled: parseUsd(settledUsd), consumed: parseUsd(consumedUsd) } }),
      })),
      refusal: reply.granted ? undefined : reply.refusal,
    };
  }

  /** Tells the totals returned so far; resolves when the watchdog has them. */
  async giveBack(totals: { windowId: string; returned: Nano }[]): Promise<void> {
    for (let from = 0; from < totals.length; from += RETURNS_AT_ONCE) {
      const windows = totals
        .slice(from, from + RETURNS_AT_ONCE)
        .map(({ windowId, returned }) => ({ windowId, returnedUsd: formatUsd(returned) }));
      await this.bus.call(leasesReturn, { gateway: this.gateway, windows }, { timeoutMs: TIMEOUT_MS });
    }
  }

  /** Releases up to this one are taken into account: more may be granted. */
  acknowledge(releases: number): void {
    this.releases = Math.max(this.releases, releases);
  }

  async read(): Promise<LeasesRead> {
    const { windows, releases } = await this.bus.call(leasesRead, { gateway: this.gateway }, { timeoutMs: TIMEOUT_MS });
    const leases = windows.map(({ windowId, grantedUsd, returnedUsd, consumedUsd, releasedUsd }) => ({
      windowId,
      granted: parseUsd(grantedUsd),
      returned: parseUsd(returnedUsd),
      consumed: parseUsd(consumedUsd),
      released: parseUsd(releasedUsd),
    }));
    return { leases, releases };
  }
}
