import type { Nano } from '@purser/money';
import { type MatchedWindow, wholeLimit } from './matched-window.js';
import type { Wallet } from './wallet.js';

interface Told {
  settled: Nano;
  /** What of this gateway's calls is in that figure. */
  consumed: Nano;
  /** The budgets' figure at that time: another one is newer. */
  listed: Nano;
  limit: Nano;
}

/** What is spent of each window: the ledger's newest figure, and what this gateway has consumed since. Never more than what is really spent. */
export class SpentWindows {
  private readonly known = new Map<string, Told>();

  constructor(private readonly wallet: Wallet) {}

  /** The watchdog said it with a lease; `consumed` is what it has of this gateway's calls. */
  tell(window: MatchedWindow, settled: Nano, consumed: Nano): void {
    this.known.set(window.id, { settled, consumed, listed: window.settled, limit: wholeLimit(window) });
  }

  spentOf(window: MatchedWindow): Nano {
    const { consumed } = this.wallet.account(window.id);
    let told = this.known.get(window.id);
    const limit = wholeLimit(window);
    if (told?.listed !== window.settled || told.limit !== limit) {
      told = { settled: window.settled, consumed, listed: window.settled, limit };
      this.known.set(window.id, told);
    }
    return told.settled + (consumed > told.consumed ? consumed - told.consumed : 0n);
  }

  leftOf(window: MatchedWindow): Nano {
    const left = window.limit - this.spentOf(window);
    return left > 0n ? left : 0n;
  }

  forget(windowId: string): void {
    this.known.delete(windowId);
  }
}
