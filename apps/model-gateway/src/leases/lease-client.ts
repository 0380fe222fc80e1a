import { Inject, Injectable } from '@nestjs/common';
import { Clock, CONFIG, Log, Ticker } from '@purser/service';
import type { Config } from '../config.js';
import { Journal } from '../journal/journal.js';
import { limitedIn, type MatchedWindow } from './matched-window.js';
import { HoldQueue, type HoldRequest, type Reservation } from './hold-queue.js';
import { type LeaseFigures, LeaseDesk } from './lease-desk.js';
import { restoreLeases, withholdReleased } from './recovery.js';
import { Refusals } from './refusals.js';
import { ReleaseNotice } from './release-notice.js';
import { Returns } from './returns.js';
import { SpentWindows } from './spent-windows.js';
import { type LeaseAccount, Wallet } from './wallet.js';

/** A lease that was not used for so long goes back. */
const IDLE_MS = 5_000;
const SWEEP_MS = 1_000;
/** A grant whose answer was lost may be made this late: the watchdog's database ends every statement within it. */
const LATE_GRANT_MS = 35_000;
/** A window that is over is kept in mind so long, for settlements that come late. */
const AFTERLIFE_MS = 60 * 60 * 1000;

interface Names {
  ids: readonly string[];
  /** Of their queue. */
  name: string;
  limited: readonly string[];
}

let latest: { windows: readonly MatchedWindow[]; names: Names } | undefined;

/** The budget book gives the same list to all calls of a scope, and many calls come from one. */
function namesOf(windows: readonly MatchedWindow[]): Names {
  if (latest?.windows === windows) return latest.names;
  const ids = windows.map(({ id }) => id).sort();
  const names = { ids, name: ids.join(), limited: limitedIn(windows) };
  latest = { windows, names };
  return names;
}

const AWAY: Reservation = { ok: false, why: 'away', budgetId: undefined };

/** Where calls get their holds: from leases in memory when these suffice, else from the watchdog. */
@Injectable()
export class LeaseClient {
  readonly wallet: Wallet;
  readonly spending: SpentWindows;
  private readonly refusals: Refusals;
  private readonly returns: Returns;
  private readonly queues = new Map<string, HoldQueue>();
  private readonly endsAt = new Map<string, number>();
  /** Windows in which a grant may have been made that nobody here knows of, and since when. */
  private readonly uncertain = new Map<string, number>();
  private readonly stopping = new AbortController();
  private readonly ticker = new Ticker(SWEEP_MS, () => void this.sweep());
  private readonly notice: ReleaseNotice;
  private reading: Promise<void> | undefined;
  private sweeping = false;
  private recovered = false;

  constructor(
    private readonly desk: LeaseDesk,
    private readonly journal: Journal,
    private readonly clock: Clock,
    private readonly log: Log,
    @Inject(CONFIG) private readonly config: Config,
  ) {
    const now = () => clock.monotonic();
    this.notice = new ReleaseNotice(clock);
    this.wallet = new Wallet(now);
    this.spending = new SpentWindows(this.wallet);
    this.returns = new Returns(this.wallet, desk, journal, log);
    this.refusals = new Refusals(this.spending, now);
    this.wallet.whenReleased((windows) => {
      this.returnWithheld(windows);
      this.wakeQueues(windows);
    });
  }

  /** Whether the leases of the life before this one are known; nothing is held before that. */
  get ready(): boolean {
    return this.recovered;
  }

  start(): void {
    this.ticker.start();
    void this.sweep();
  }

  /** A hold in all of these windows, at once when this gateway's leases suffice. */
  reserve(request: HoldRequest): Reservation | Promise<Reservation> {
    if (!this.inDoubt || request.windows.length === 0) return this.reserveNow(request);
    return this.readAgain().then(() => (this.inDoubt ? AWAY : this.reserveNow(request)));
  }

  private get inDoubt(): boolean {
    return this.recovered && this.notice.inDoubt;
  }

  private reserveNow(request: HoldRequest): Reservation | Promise<Reservation> {
    const { windows, most, priority } = request;
    const { ids, name, limited } = namesOf(windows);
    const queue = this.queues.get(name);
    if (!queue?.comesBefore(priority)) {
      const usable = windows.length === 0 || this.recovered;
      const hold = usable ? this.wallet.tryHold(ids, most, limited) : undefined;
      if (hold) return { ok: true, hold };
    }
    if (!this.recovered) return AWAY;
    const spent = this.refusals.exhausted(windows, request.least);
    if (spent) return { ok: false, why: 'exhausted', budgetId: spent.budgetId };
    for (const { id, endsAt } of windows) this.endsAt.set(id, endsAt);
    return (queue ?? this.openQueue(ids)).wait(request);
  }

  /** The watchdog says which release of a lost gateway's leases was the last; absent, there was none. */
  hearReleases(releases = 0): void {
    this.notice.hear(releases);
    if (this.inDoubt) void this.readAgain();
  }

  /** Another gateway needs what this one does not use of these windows; of all when none is named. */
  recall(windowIds: readonly string[]): Promise<void> {
    const named = new Set(windowIds);
    return this.returns.giveBack((account) => named.size === 0 || named.has(account.windowId));
  }

  /** The terms of these windows changed for the worse: no call may use what was leased under the older ones. */
  withhold(windowIds: readonly string[]): void {
    this.wallet.withhold(windowIds);
    this.returnWithheld(windowIds);
  }

  /** At a graceful stop: everything that is not held goes back. Waits for the watchdog's word, within the bus's own timeouts. */
  async stop(): Promise<void> {
    this.ticker.stop();
    this.stopping.abort();
    if (!this.recovered) return;
    await this.findLostGrants(() => true);
    await this.returns.giveBack(() => true);
  }

  private openQueue(ids: readonly string[]): HoldQueue {
    const queue = new HoldQueue(ids, {
      wallet: this.wallet,
      desk: this.desk,
      refusals: this.refusals,
      spending: this.spending,
      lost: (windows) => {
        for (const windowId of windows) this.uncertain.set(windowId, this.clock.monotonic());
      },
      readLeases: () => this.readAgain(),
      inDoubt: () => this.inDoubt,
      now: () => this.clock.monotonic(),
      waitMs: this.config.PURSER_HOLD_WAIT_MS,
      signal: this.stopping.signal,
    });
    this.queues.set(ids.join(), queue);
    return queue;
  }

  private wakeQueues(windows: readonly string[]): void {
    for (const queue of this.queues.values()) {
      if (!queue.empty && queue.windows.some((id) => windows.includes(id))) queue.wake();
    }
  }

  private async sweep(): Promise<void> {
    if (this.sweeping) return;
    this.sweeping = true;
    try {
      if (!this.recovered) await this.recover();
      if (this.recovered && this.uncertain.size > 0)
        await this.findLostGrants((windowId) => this.uncertain.has(windowId));
      if (this.recovered) await this.returnUnused();
    } catch (error) {
      this.log.error({ error }, 'the leases could not be looked after; trying on');
    } finally {
      this.sweeping = false;
    }
  }

  /** Only the watchdog knows what it granted to a request whose answer was lost. Nobody waits for it any more: it goes back. */
  private async findLostGrants(where: (windowId: string) => boolean): Promise<void> {
    const lateBefore = this.clock.monotonic() - LATE_GRANT_MS;
    try {
      for (const { windowId, granted } of (await this.desk.read()).leases)
        if (where(windowId)) this.wallet.applyLostGrant(windowId, granted);
      for (const [windowId, since] of this.uncertain) if (since < lateBefore) this.uncertain.delete(windowId);
    } catch (error) {
      this.log.debug({ error }, 'whether leases were granted unheard cannot be read yet');
    }
  }

  private returnWithheld(windows: readonly string[]): void {
    if (windows.some((windowId) => this.wallet.account(windowId).withheld > 0n))
      void this.returns.giveBack(({ withheld }) => withheld > 0n);
  }

  private async returnUnused(): Promise<void> {
    for (const [key, queue] of this.queues) if (queue.empty) this.queues.delete(key);
    const now = this.clock.now().getTime();
    const idleSince = this.clock.monotonic() - IDLE_MS;
    await this.returns.giveBack(
      ({ windowId, usedAt, withheld }) =>
        withheld > 0n || usedAt < idleSince || (this.endsAt.get(windowId) ?? Infinity) < now,
    );
    for (const account of this.wallet.all()) this.forgetIfOver(account, now);
  }

  private forgetIfOver({ windowId, held, unused }: LeaseAccount, now: number): void {
    if (held > 0n || unused > 0n || (this.endsAt.get(windowId) ?? Infinity) + AFTERLIFE_MS > now) return;
    this.wallet.forget(windowId);
    this.refusals.forget(windowId);
    this.spending.forget(windowId);
    this.journal.forget(windowId);
    this.endsAt.delete(windowId);
  }

  /** What was released of this gateway's leases counts as known once they are taken up. */
  private async readLeases(takeUp: (leases: LeaseFigures[]) => void): Promise<void> {
    const askedAt = this.notice.moment();
    const { leases, releases } = await this.desk.read();
    takeUp(leases);
    this.notice.read(releases, askedAt);
    this.desk.acknowledge(releases);
  }

  /** Never rejects: while it fails, it stays in doubt whether anything that is leased may be used. */
  private readAgain(): Promise<void> {
    this.reading ??= this.readLeases((leases) => this.returnWithheld(withholdReleased(this.wallet, leases)))
      .catch((error: unknown) => this.log.debug({ error }, 'whether leases were released cannot be read yet'))
      .finally(() => (this.reading = undefined));
    return this.reading;
  }

  private async recover(): Promise<void> {
    try {
      await this.readLeases((leases) => restoreLeases(this.wallet, this.journal.totals, leases));
      this.recovered = true;
      await this.returns.giveBack(() => true);
    } catch (error) {
      this.log.debug({ error }, 'the leases cannot be read yet; paid tiers wait');
    }
  }
}
