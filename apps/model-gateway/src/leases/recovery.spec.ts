import { restoreLeases, withholdReleased } from './recovery.js';
import { Wallet } from './wallet.js';

const account = (wallet: Wallet) => {
  const { granted, returned, consumed, free, unused } = wallet.account('w');
  return { granted, returned, consumed, free, unused };
};
const lease = { windowId: 'w', granted: 100n, returned: 10n, consumed: 20n, released: 0n };

describe('a lease of the last life', () => {
  it('has of each total the larger one: a message of either side may not have reached the other', () => {
    const wallet = new Wallet(() => 0);
    restoreLeases(wallet, new Map([['w', { returned: 30n, consumed: 25n }]]), [lease]);
    expect(account(wallet)).toEqual({ granted: 100n, returned: 30n, consumed: 25n, free: 45n, unused: 45n });
    restoreLeases(wallet, new Map([['w', { returned: 0n, consumed: 0n }]]), [lease]);
    expect(account(wallet)).toEqual({ granted: 100n, returned: 10n, consumed: 20n, free: 70n, unused: 70n });
  });

  it('is what its own journal says where the watchdog knows of none', () => {
    const wallet = new Wallet(() => 0);
    restoreLeases(wallet, new Map([['w', { returned: 30n, consumed: 25n }]]), []);
    expect(account(wallet)).toEqual({ granted: 55n, returned: 30n, consumed: 25n, free: 0n, unused: 0n });
  });
});

it('takes a grant that it never heard of for released money, too, and not for new', () => {
  const wallet = new Wallet(() => 0);
  wallet.applyGrant('w', 80n);
  expect(
    withholdReleased(wallet, [
      { ...lease, released: 70n },
      { ...lease, windowId: 'other' },
    ]),
  ).toEqual(['w']);
  expect(account(wallet)).toMatchObject({ granted: 100n, free: 0n, unused: 100n });
  wallet.applyGrant('w', 130n);
  expect(account(wallet)).toMatchObject({ free: 30n });
});
