import { minNano, type Nano } from '@purser/money';

/** Money set aside for one call in every window that it counts against. */
export interface Hold {
  readonly windows: readonly string[];
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
  /** How much of `returned` the watchdog has confirmed. */
  returnConfirmed = 0n;
  usedAt = 0;

  constructor(readonly windowId: string) {}

  get free(): Nano {
    return this.granted - this.returned - this.consumed - this.held;
  }
}

/** The leases of this gateway, in memory. Nothing here waits or asks: a hold fits or it does not. */
export class Wallet {
  private readonly accounts = new Map<string, LeaseAccount>();
  private readonly releaseListeners: ((windows: readonly string[]) => void)[] = [];

  constructor(private readonly now: () => number) {}

  account(windowId: string): LeaseAccount {
    let account = this.accounts.get(windowId);
    if (!account) {
      account = new LeaseAccount(windowId);
      this.accounts.set(windowId, account);
    }
    return account;
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

  /** All windows or none, at once. */
  tryHold(windows: readonly string[], amount: Nano): Hold | undefined {
    const free = this.freeIn(windows);
    if (free !== undefined && free < amount) return undefined;
    const now = this.now();
    for (const windowId of windows) {
      const account = this.account(windowId);
      account.held += amount;
      account.usedAt = now;
    }
    return { windows, amount };
  }

  /** Ends a hold at what it cost. What lies above the hold never touches the lease: the ledger records it in full. */
  settle(hold: Hold, cost: Nano): void {
    for (const windowId of hold.windows) {
      const account = this.account(windowId);
      account.held -= hold.amount;
      account.consumed += minNano(cost, hold.amount);
    }
    this.announce(hold.windows);
  }

  /** Gives back part of a hold that turned out larger than the call needs. */
  shrink(hold: Hold, amount: Nano): void {
    if (amount >= hold.amount) return;
    for (const windowId of hold.windows) this.account(windowId).held -= hold.amount - amount;
    hold.amount = amount;
    this.announce(hold.windows);
  }

  /** Takes up the total that the watchdog says is granted; an older figure that arrives late changes nothing. */
  applyGrant(windowId: string, granted: Nano): void {
    const account = this.account(windowId);
    if (granted > account.granted) account.granted = granted;
    account.usedAt = this.now();
  }

  /** Takes up a lease as it stands after a restart. */
  restore(windowId: string, totals: LeaseTotals): void {
    Object.assign(this.account(windowId), totals);
    this.account(windowId).returnConfirmed = totals.returned;
  }

  /** Puts what is free beyond use: from now on it counts as returned, before the watchdog is even told. */
  giveBack(account: LeaseAccount): boolean {
    const free = account.free;
    if (free <= 0n) return false;
    account.returned += free;
    return true;
  }

  private announce(windows: readonly string[]): void {
    for (const listener of this.releaseListeners) listener(windows);
  }
}
