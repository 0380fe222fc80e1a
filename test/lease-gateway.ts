import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatUsd, maxNano, type Nano, parseUsd } from '@purser/money';
import { LeasesService } from '../apps/cost-watchdog/src/leases/leases.service.js';
import { SettlementService } from '../apps/cost-watchdog/src/ledger/settlement.service.js';
import type { TestWatchdog } from '../apps/cost-watchdog/src/watchdog.fixture.js';
import { Journal } from '../apps/model-gateway/src/journal/journal.js';
import type { HeldCall } from '../apps/model-gateway/src/journal/records.js';
import { RESERVE_BELIEVED_MS } from '../apps/model-gateway/src/leases/hold-queue.js';
import { restoreLeases, withholdReleased } from '../apps/model-gateway/src/leases/recovery.js';
import { ReleaseNotice } from '../apps/model-gateway/src/leases/release-notice.js';
import type { LeaseFigures } from '../apps/model-gateway/src/leases/lease-desk.js';
import { type Hold, Wallet } from '../apps/model-gateway/src/leases/wallet.js';

interface OpenCall {
  held: HeldCall;
  hold: Hold;
}

/** How important a call is, and the windows of whose reserves it may use nothing. */
export interface Rank {
  priority: number;
  limited: readonly string[];
}

/** How a message fares. What is lost on the way back was done all the same. */
export type Fate = 'arrives' | 'doubled' | 'lost' | 'reply lost';

const NOTHING = { inputTokens: 0, outputTokens: 0, cachedTokens: 0, latencyMs: 0 };

/** A gateway's real wallet and journal, before the real rules of the watchdog; what lies between them is the spec's. */
export class LeaseGateway {
  readonly open: OpenCall[] = [];
  private wallet: Wallet;
  private journal: Journal;
  private notice: ReleaseNotice;
  /** Up to which release of lost leases it knows. */
  private releases = 0;
  private readonly folder = mkdtempSync(join(tmpdir(), 'purser-leases-'));

  constructor(
    readonly name: string,
    private readonly provider: string,
    private readonly watchdog: TestWatchdog,
  ) {
    this.journal = this.openJournal();
    this.wallet = this.newWallet();
    this.notice = new ReleaseNotice(watchdog.clock);
  }

  private openJournal(): Journal {
    return Journal.open(this.folder, { newGatewayId: () => this.name, boot: 'one' });
  }

  private newWallet(): Wallet {
    return new Wallet(() => this.watchdog.clock.monotonic());
  }

  private async told<T>(fate: Fate, send: () => Promise<T>): Promise<T | undefined> {
    if (fate === 'lost') return undefined;
    const reply = await send();
    if (fate === 'doubled') await send();
    return fate === 'reply lost' ? undefined : reply;
  }

  /** A call begins only with its hold in all windows. Says whether it did. */
  async call(windowIds: readonly string[], need: Nano, want: Nano, fate: Fate, rank: Rank): Promise<boolean> {
    if (this.notice.inDoubt) await this.readAgain(fate);
    if (this.notice.inDoubt) return false;
    const hold =
      this.wallet.tryHold(windowIds, need, rank.limited) ?? (await this.lease(windowIds, need, want, fate, rank));
    if (!hold) return false;
    const held: HeldCall = {
      attemptId: randomUUID(),
      callId: randomUUID(),
      gateway: this.name,
      provider: this.provider,
      model: 'm',
      tier: 'tier_1_paid',
      capability: null,
      key: null,
      project: null,
      task: null,
      session: null,
      priceRow: null,
      holdUsd: formatUsd(need),
      windows: [...windowIds],
      usageAt: this.watchdog.clock.now().toISOString(),
    };
    this.journal.held(held);
    this.open.push({ held, hold });
    return true;
  }

  private async lease(
    windowIds: readonly string[],
    need: Nano,
    want: Nano,
    fate: Fate,
    { priority, limited }: Rank,
  ): Promise<Hold | undefined> {
    const windows = windowIds
      .map((windowId) => ({ windowId, account: this.wallet.account(windowId) }))
      .filter(
        ({ windowId, account }) =>
          account.free < need || (limited.includes(windowId) && !this.wallet.isOpen([windowId])),
      )
      .map(({ windowId, account: { granted, free } }) => ({
        windowId,
        grantedUsd: formatUsd(granted),
        needUsd: formatUsd(maxNano(0n, need - free)),
        wantUsd: formatUsd(maxNano(need - free, want)),
        leastUsd: formatUsd(need),
      }));
    const { era } = this.wallet;
    const ask = { gateway: this.name, releases: this.releases, priority, windows };
    const believedUntil = this.watchdog.clock.monotonic() + RESERVE_BELIEVED_MS;
    const reply = await this.told(fate, () => this.watchdog.get(LeasesService).grant(ask));
    for (const { windowId, grantedUsd, reserveIntact = true } of reply?.windows ?? []) {
      this.wallet.applyGrant(windowId, parseUsd(grantedUsd), era);
      this.wallet.applyReserve(windowId, parseUsd(grantedUsd), reserveIntact ? believedUntil : 0, era);
    }
    if (reply?.refusal?.kind === 'released') await this.readAgain(fate);
    return reply?.granted ? this.wallet.tryHold(windowIds, need, limited) : undefined;
  }

  /** Ends a call at a part of its hold. The ledger does not know yet; gives what it cost. */
  settle(pick: number, percent: number): { held: HeldCall; amount: Nano } | undefined {
    const [call] = this.open.splice(this.open.length > 0 ? pick % this.open.length : 0, 1);
    if (!call) return undefined;
    const amount = (call.hold.amount * BigInt(percent)) / 100n;
    this.journal.settled({
      ...call.held,
      ...NOTHING,
      amountUsd: formatUsd(amount),
      finality: 'final',
      outcome: 'ok',
    });
    this.wallet.settle(call.hold, amount);
    return { held: call.held, amount };
  }

  /** Tells the ledger what it does not know yet. */
  async publish(fate: Fate): Promise<void> {
    const spends = this.journal.unsent;
    this.journal.flush();
    const stored = await this.told(fate, () => this.watchdog.get(SettlementService).settle(spends));
    if (stored) for (const { attemptId } of spends) this.journal.sent(attemptId);
  }

  /** Puts back what no call holds, as a recall, idleness or a lower limit makes it do. */
  async giveBack(fate: Fate, withhold = false): Promise<void> {
    const accounts = [...this.wallet.all()];
    if (withhold) this.wallet.withhold(accounts.map(({ windowId }) => windowId));
    for (const account of accounts) {
      if (account.unused <= 0n) continue;
      this.journal.returned(account.windowId, account.returned + account.unused);
      this.wallet.giveBack(account);
    }
    const windows = accounts.map(({ windowId, returned }) => ({ windowId, returnedUsd: formatUsd(returned) }));
    await this.told(fate, () => this.watchdog.get(LeasesService).giveBack({ gateway: this.name, windows }));
  }

  /** Killed, and started again on the same journal: what was under way is presumed spent. Gives those calls. */
  async crash(): Promise<HeldCall[]> {
    this.open.splice(0);
    this.journal = this.openJournal();
    const lost = this.journal.inFlight;
    for (const held of lost)
      this.journal.settled({ ...held, ...NOTHING, amountUsd: held.holdUsd, finality: 'presumed', outcome: 'unknown' });
    this.wallet = this.newWallet();
    this.notice = new ReleaseNotice(this.watchdog.clock);
    await this.readLeases((leases) => restoreLeases(this.wallet, this.journal.totals, leases), 'arrives');
    return lost;
  }

  /** Of a heartbeat. */
  hear(releases: number): void {
    this.notice.hear(releases);
  }

  private readAgain(fate: Fate): Promise<void> {
    return this.readLeases((leases) => withholdReleased(this.wallet, leases), fate);
  }

  private async readLeases(takeUp: (leases: LeaseFigures[]) => void, fate: Fate): Promise<void> {
    const askedAt = this.notice.moment();
    const reply = await this.told(fate, () => this.read());
    if (!reply) return;
    takeUp(reply.leases);
    this.notice.read(reply.releases, askedAt);
    this.releases = reply.releases;
  }

  /** Finds what was granted to requests whose replies were lost. */
  async findLostGrants(): Promise<void> {
    for (const { windowId, granted } of (await this.read()).leases) this.wallet.applyLostGrant(windowId, granted);
  }

  private async read() {
    const { releases, windows } = await this.watchdog.get(LeasesService).read({ gateway: this.name });
    const leases: LeaseFigures[] = windows.map(({ windowId, grantedUsd, returnedUsd, consumedUsd, releasedUsd }) => ({
      windowId,
      granted: parseUsd(grantedUsd),
      returned: parseUsd(returnedUsd),
      consumed: parseUsd(consumedUsd),
      released: parseUsd(releasedUsd),
    }));
    return { releases, leases };
  }

  /** What this gateway answers for in a window, by attempt: calls under way, and settlements that the ledger has not got. */
  exposure(windowId: string, inLedger: ReadonlyMap<string, Nano>): Map<string, Nano> {
    const exposed = new Map<string, Nano>();
    for (const { held, hold } of this.open)
      if (hold.windows.includes(windowId)) exposed.set(held.attemptId, hold.amount);
    for (const { attemptId, windows, amountUsd } of this.journal.unsent)
      if (windows.includes(windowId) && !inLedger.has(attemptId)) exposed.set(attemptId, parseUsd(amountUsd));
    return exposed;
  }

  close(): void {
    this.journal.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
