import { windowOf } from './slow-desk.fixture.js';
import { SpentWindows } from './spent-windows.js';
import { Wallet } from './wallet.js';

let wallet: Wallet;
let spent: SpentWindows;
beforeEach(() => {
  wallet = new Wallet(() => 0);
  wallet.applyGrant('a', 500n);
  spent = new SpentWindows(wallet);
});
const window = (settled: bigint) => ({ ...windowOf('a', 1_000n), settled });
const spend = (amount: bigint) => {
  const hold = wallet.tryHold(['a'], amount);
  if (hold) wallet.settle(hold, amount);
};

it('adds what was consumed here to what was listed', () => {
  expect(spent.leftOf(window(100n))).toBe(900n);
  spend(30n);
  expect([spent.spentOf(window(100n)), spent.leftOf(window(100n))]).toEqual([130n, 870n]);
});

it('counts what the ledger does not have yet on top of what it just told', () => {
  spend(30n);
  spent.tell(window(100n), 400n, 20n);
  expect(spent.spentOf(window(100n))).toBe(410n);
  spend(5n);
  expect(spent.spentOf(window(100n))).toBe(415n);
});

it('takes a newer list for what it is', () => {
  spent.tell(window(100n), 400n, 0n);
  spend(30n);
  expect(spent.spentOf(window(700n))).toBe(700n);
  expect(spent.leftOf({ ...window(700n), limit: 600n })).toBe(0n);
});
