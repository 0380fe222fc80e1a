import { maxNano } from '@purser/money';
import type { WindowTotals } from '../journal/journal-state.js';
import type { LeaseFigures } from './lease-desk.js';
import type { Wallet } from './wallet.js';

/**
 * Takes up the leases of this gateway's last life. What it consumed and returned is in its own journal, which knows of
 * settlements that the ledger has not taken yet; what it was granted, only the watchdog knows for certain.
 */
export function restoreLeases(
  wallet: Wallet,
  own: ReadonlyMap<string, WindowTotals>,
  leases: readonly LeaseFigures[],
): void {
  for (const [windowId, { returned, consumed }] of own)
    wallet.restore(windowId, { granted: returned + consumed, returned, consumed });
  for (const { windowId, granted, returned, consumed } of leases) {
    const mine = own.get(windowId);
    const known = {
      returned: maxNano(mine?.returned ?? 0n, returned),
      consumed: maxNano(mine?.consumed ?? 0n, consumed),
    };
    wallet.restore(windowId, { ...known, granted: maxNano(granted, known.returned + known.consumed) });
    wallet.account(windowId).returnConfirmed = returned;
  }
  withholdReleased(wallet, leases);
}

/**
 * What a person released while this gateway was taken for lost may be another's by now: none of it is used any more. All
 * that is not held goes back, by which the watchdog also learns how much of it was not spent. Gives the windows.
 */
export function withholdReleased(wallet: Wallet, leases: readonly LeaseFigures[]): string[] {
  const released = leases.filter((lease) => lease.released > 0n);
  for (const { windowId, granted } of released) wallet.applyLostGrant(windowId, granted);
  const windowIds = released.map(({ windowId }) => windowId);
  if (windowIds.length > 0) wallet.withhold(windowIds);
  return windowIds;
}
