import { minNano, type Nano } from '@purser/money';

/** Money set aside for one call in every window that it counts against. */
export interface Hold {
  readonly windows: readonly string[];
  /** The wallet's era when it was taken. */
  readonly era: number;
  amount: Nano;
}

/** Totals of one lease since it began, as the protocol counts them; see leases.ts of the contracts. */
export interface LeaseTotals {
  granted: Nano;
  returned: Nano;
  consumed: Nano;
}

/** This gateway's part of one window. */
export class LeaseAccount implements LeaseTotals {
  granted = 0n;
  returned = 0n;
  consumed = 0n;
  held = 0n;
  /** Granted under terms that hold no more: not for use, it goes back. */
  withheld = 0n;
  /** What was granted, held or asked for before it is of older terms. */
  era = 0;
  /** How much of `returned` the watchdog has confirmed. */
  returnConfirmed = 0n;
  usedAt = 0;
  /** Until then calls that may not use the budget's reserve may use what is free: nothing of the reserve was in use lately. */
  openUntil = 0;

  constructor(readonly windowId: string) {}

  /** What can go back. */
  get unused(): Nano {
    return this.granted - this.returned - this.consumed - this.held;
  }

  get free(): Nano {
    return this.unused - this.withheld;
  }
}

const NONE: readonly string[] = [];

/** The leases of this gateway, in memory. Nothing here waits or asks: a hold fits or it does not. */
export class Wallet {
  private readonly accounts = new Map<string, LeaseAccount>();
  private readonly releaseListeners: ((windows: readonly string[]) => void)[] = [];
  private latest = 0;

  constructor(private readonly now: () => number) {}

  account(windowId: string): LeaseAccount {
    let account = this.accounts.get(windowId);
    if (!account) {
      account = new LeaseAccount(windowId);
      this.accounts.set(windowId, account);
    }
    return account;
  }

  /** Begins anew whenever money is withheld; to be remembered when a grant is asked for. */
  get era(): number {
    return this.latest;
  }

  all(): Iterable<LeaseAccount> {
    return this.accounts.values();
  }

  forget(windowId: string): void {
    this.accounts.delete(windowId);
  }

  /** Called when money of these windows came free. */
  whenReleased(listener: (windows: readonly string[]) => void): void {
    this.releaseListeners.push(listener);
  }

  /** What fits into all of these windows now; undefined when there is none that limits it. */
  freeIn(windows: readonly string[]): Nano | undefined {
    let least: Nano | undefined;
    for (const windowId of windows) {
      const free = this.accounts.get(windowId)?.free ?? 0n;
      least = least === undefined ? free : minNano(least, free);
    }
    return least;
  }

  /** Whether the watchdog said of all of these, a moment ago, that their reserves are untouched. */
  isOpen(windows: readonly string[]): boolean {
    if (windows.length === 0) return true;
    const now = this.now();
    return windows.every((windowId) => (this.accounts.get(windowId)?.openUntil ?? 0) > now);
  }

  /** All windows or none, at once. In those that are `limited` the call may not use what is reserved for more important ones. */
  tryHold(windows: readonly string[], amount: Nano, limited: readonly string[] = NONE): Hold | undefined {
    const free = this.freeIn(windows);
    if ((free !== undefined && free < amount) || !this.isOpen(limited)) return undefined;
    const now = this.now();
    for (const windowId of windows) {
      const account = this.account(windowId);
      account.held += amount;
      account.usedAt = now;
    }
    return { windows, era: this.latest, amount };
  }

  /** Ends a hold at what it cost. What lies above the hold never touches the lease: the ledger records it in full. */
  settle(hold: Hold, cost: Nano): void {
    for (const windowId of hold.windows) {
      const account = this.account(windowId);
      const consumed = minNano(cost, hold.amount);
      account.held -= hold.amount;
      account.consumed += consumed;
      this.release(account, hold.amount - consumed, hold.era);
    }
    this.announce(hold.windows);
  }

  /** Gives back part of a hold that turned out larger than the call needs. */
  shrink(hold: Hold, amount: Nano): void {
    if (amount >= hold.amount) return;
    const rest = hold.amount - amount;
    for (const windowId of hold.windows) {
      const account = this.account(windowId);
      account.held -= rest;
      this.release(account, rest, hold.era);
    }
    hold.amount = amount;
    this.announce(hold.windows);
  }

  /**
   * Takes up the total that the watchdog says is granted; an older figure that arrives late changes nothing. What was
   * asked for before money of this window was withheld may have been granted before that, too.
   */
  applyGrant(windowId: string, granted: Nano, era = this.latest): void {
    const account = this.account(windowId);
    account.usedAt = this.now();
    if (granted <= account.granted) return;
    const more = granted - account.granted;
    account.granted = granted;
    this.release(account, more, era);
    if (account.withheld > 0n) this.announce([windowId]);
  }

  /**
   * The watchdog said whether, with so much granted, the reserve was untouched: believed until then, and 0 when it was not.
   * An answer that is older than what is leased by now, or than terms that hold no more, tells nothing.
   */
  applyReserve(windowId: string, granted: Nano, openUntil: number, era: number): void {
    const account = this.account(windowId);
    if (granted >= account.granted && account.era <= era) account.openUntil = openUntil;
  }

  /** Takes up what was granted without anybody being told: it only goes back. */
  applyLostGrant(windowId: string, granted: Nano): void {
    const account = this.account(windowId);
    if (granted <= account.granted) return;
    account.withheld += granted - account.granted;
    account.granted = granted;
  }

  /** From now on nothing that was granted so far is used for a hold: neither what is free, nor what calls leave over. */
  withhold(windows: readonly string[]): void {
    this.latest += 1;
    for (const windowId of windows) {
      const account = this.accounts.get(windowId);
      if (!account) continue;
      account.withheld += account.free;
      account.era = this.latest;
      account.openUntil = 0;
    }
  }

  /** Takes up a lease as it stands after a restart. */
  restore(windowId: string, totals: LeaseTotals): void {
    Object.assign(this.account(windowId), totals);
    this.account(windowId).returnConfirmed = totals.returned;
  }

  /** Puts what is free beyond use: from now on it counts as returned, before the watchdog is even told. */
  giveBack(account: LeaseAccount): boolean {
    const { unused } = account;
    if (unused <= 0n) return false;
    account.returned += unused;
    account.withheld = 0n;
    return true;
  }

  /** Money that is no longer, or not yet, held: free, unless it is of older terms. */
  private release(account: LeaseAccount, amount: Nano, era: number): void {
    if (account.era > era) account.withheld += amount;
  }

  private announce(windows: readonly string[]): void {
    for (const listener of this.releaseListeners) listener(windows);
  }
}
