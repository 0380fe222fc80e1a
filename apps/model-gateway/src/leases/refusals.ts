import type { Nano } from '@purser/money';
import type { MatchedWindow } from './matched-window.js';
import type { SpentWindows } from './spent-windows.js';

/**
 * A "no" is believed this long at most: a rolling window recovers by itself, without anybody announcing it. And the
 * watchdog has to be asked now and then: that a call is refused while nearly all is spent tells it that the budget is
 * exhausted.
 */
const BELIEVED_MS = 5_000;

/** What does not fit for a call that may not use the reserve, may well fit for one that may. */
const lesser = (windowId: string): string => `${windowId} lesser`;
const nameOf = ({ id, reserved }: MatchedWindow): string => (reserved ? lesser(id) : id);

interface Refused {
  amount: Nano;
  limit: Nano;
  until: number;
}

/** Remembers what would not fit even if every hold came back, so that nobody asks again for as much. */
export class Refusals {
  private readonly refused = new Map<string, Refused>();

  constructor(
    private readonly spending: SpentWindows,
    private readonly now: () => number,
  ) {}

  remember(window: MatchedWindow, amount: Nano): void {
    const known = this.refused.get(nameOf(window));
    const smaller = known && this.isBelieved(known, window) && known.amount < amount ? known.amount : amount;
    this.refused.set(nameOf(window), { amount: smaller, limit: window.limit, until: this.now() + BELIEVED_MS });
  }

  /** The window in which so much cannot fit, as the watchdog said lately or would always say, if there is one. */
  exhausted(windows: readonly MatchedWindow[], amount: Nano): MatchedWindow | undefined {
    return windows.find((window) => {
      const spent = this.isSpent(window, amount);
      const refused = this.refused.get(nameOf(window));
      if (amount > window.limit) return true;
      return refused !== undefined && this.isBelieved(refused, window) && (spent || amount >= refused.amount);
    });
  }

  /** The window in which so much cannot fit by what this gateway itself knows; for when the watchdog does not answer. */
  spent(windows: readonly MatchedWindow[], amount: Nano): MatchedWindow | undefined {
    return windows.find((window) => this.isSpent(window, amount));
  }

  forget(windowId: string): void {
    this.refused.delete(windowId);
    this.refused.delete(lesser(windowId));
  }

  private isBelieved(refused: Refused, window: MatchedWindow): boolean {
    return refused.limit === window.limit && refused.until > this.now();
  }

  /** From the ledger's figure and what this gateway has consumed since: never more than what is really spent. */
  private isSpent(window: MatchedWindow, amount: Nano): boolean {
    return amount > (window.rolling ? window.limit : this.spending.leftOf(window));
  }
}
