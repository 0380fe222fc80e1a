import { Injectable } from '@nestjs/common';
import {
  type leasesGrant,
  type leasesRead,
  type leasesReturn,
  PurserError,
  type ReplyOf,
  type RequestOf,
  STANDARD_PRIORITY,
} from '@purser/contracts';
import { Database } from '@purser/database';
import { formatUsd, parseUsd } from '@purser/money';
import { Clock } from '@purser/service';
import { windowIdOf } from '../windows/window-id.js';
import { WindowsRepository } from '../windows/windows.repository.js';
import { GatewaysService } from './gateways.service.js';
import { LeasesRepository, type Refusal } from './leases.repository.js';
import { RefusalsService } from './refusals.service.js';

/** Of several windows that refuse, the one whose refusal lasts longest is named. */
const LASTING: readonly Refusal[] = ['closed', 'released', 'exhausted', 'held'];

/** Slices of windows for gateways. Figures are totals, so a lost or doubled message changes nothing. */
@Injectable()
export class LeasesService {
  constructor(
    private readonly database: Database,
    private readonly leases: LeasesRepository,
    private readonly windows: WindowsRepository,
    private readonly gateways: GatewaysService,
    private readonly refusals: RefusalsService,
    private readonly clock: Clock,
  ) {}

  async grant({
    gateway,
    windows,
    releases = 0,
    priority = STANDARD_PRIORITY,
  }: RequestOf<typeof leasesGrant>): Promise<ReplyOf<typeof leasesGrant>> {
    const asks = windows.map((window, index) => ({
      // An id that was never given out is no window; a negative one finds none.
      windowId: windowIdOf(window.windowId) ?? BigInt(-1 - index),
      known: amount(window.grantedUsd, 'grantedUsd'),
      need: amount(window.needUsd, 'needUsd'),
      want: amount(window.wantUsd, 'wantUsd'),
      least: amount(window.leastUsd ?? window.needUsd, 'leastUsd'),
    }));
    const names = new Map(asks.map(({ windowId }, index) => [windowId, windows[index]?.windowId ?? '']));
    if (names.size < windows.length)
      throw new PurserError('invalid_request', { message: 'windows: one id is there twice' });
    const rows = await this.leases.grant(
      this.database,
      { gateway, releases, priority },
      asks,
      this.gateways.liveCount(),
      this.clock.now(),
    );
    const name = (id: bigint) => names.get(id) ?? id.toString();
    const totals = rows.map((row) => ({
      windowId: name(row.window_id),
      grantedUsd: formatUsd(row.granted),
      ...(row.settled === null ? {} : { settledUsd: formatUsd(row.settled), consumedUsd: formatUsd(row.consumed) }),
      ...(row.reserve_intact === null ? {} : { reserveIntact: row.reserve_intact }),
    }));
    await this.refusals.follow(rows, gateway);
    for (const kind of LASTING) {
      const first = rows.find((row) => row.refusal === kind);
      if (first) return { granted: false, windows: totals, refusal: { kind, windowId: name(first.window_id) } };
    }
    return { granted: true, windows: totals };
  }

  /** A return for a lease that is unknown here is answered as given: there is nothing to free. */
  async giveBack({ gateway, windows }: RequestOf<typeof leasesReturn>): Promise<ReplyOf<typeof leasesReturn>> {
    const totals = new Map<bigint, bigint>();
    for (const { windowId, returnedUsd } of windows) {
      const id = windowIdOf(windowId);
      if (id !== undefined) totals.set(id, amount(returnedUsd, 'returnedUsd'));
    }
    const returns = [...totals].map(([windowId, returned]) => ({ windowId, returned }));
    const rows = await this.database.transaction(async (tx) => {
      await this.windows.lockRows(tx, [...totals.keys()]);
      return this.leases.giveBack(tx, gateway, returns, this.clock.now());
    });
    const stored = new Map(rows.map((row) => [row.window_id.toString(), formatUsd(row.returned_nano)]));
    return {
      windows: windows.map(({ windowId, returnedUsd }) => ({
        windowId,
        returnedUsd: stored.get(windowId) ?? returnedUsd,
      })),
    };
  }

  async read({ gateway }: RequestOf<typeof leasesRead>): Promise<ReplyOf<typeof leasesRead>> {
    await this.gateways.areBack([gateway]);
    // Before the leases: these may be newer than it says, never older.
    const releases = await this.leases.lastRelease(this.database);
    const rows = await this.leases.ofGateway(this.database, gateway, this.clock.now());
    return {
      releases,
      windows: rows.map((row) => ({
        windowId: row.window_id.toString(),
        grantedUsd: formatUsd(row.granted_nano),
        returnedUsd: formatUsd(row.returned_nano),
        consumedUsd: formatUsd(row.consumed_nano),
        releasedUsd: formatUsd(row.released_nano),
      })),
    };
  }
}

function amount(usd: string, field: string): bigint {
  const nano = parseUsd(usd);
  if (nano < 0n) throw new PurserError('invalid_request', { message: `${field}: must not be negative, got "${usd}"` });
  return nano;
}
