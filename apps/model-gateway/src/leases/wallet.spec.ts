import { Wallet } from './wallet.js';

let wallet: Wallet;
const figures = () => {
  const { free, held, withheld, returned, consumed } = wallet.account('w');
  return { free, held, withheld, returned, consumed };
};

beforeEach(() => {
  wallet = new Wallet(() => 0);
  wallet.applyGrant('w', 100n);
});

describe('money that is withheld', () => {
  it('is held for no call, and goes back', () => {
    const before = wallet.tryHold(['w'], 30n);
    wallet.withhold(['w', 'never-leased']);
    expect(wallet.tryHold(['w'], 1n)).toBeUndefined();
    expect(figures()).toMatchObject({ free: 0n, held: 30n, withheld: 70n });
    expect(wallet.giveBack(wallet.account('w'))).toBe(true);
    expect(figures()).toMatchObject({ held: 30n, withheld: 0n, returned: 70n });
    expect(before?.amount).toBe(30n);
  });

  it('includes what calls leave over that were under way then', () => {
    const [settled, shrunk] = [wallet.tryHold(['w'], 40n), wallet.tryHold(['w'], 60n)];
    wallet.withhold(['w']);
    if (settled) wallet.settle(settled, 10n);
    if (shrunk) wallet.shrink(shrunk, 20n);
    expect(wallet.tryHold(['w'], 1n)).toBeUndefined();
    expect(figures()).toMatchObject({ free: 0n, held: 20n, consumed: 10n, withheld: 70n });
  });

  it('includes what was asked for before', () => {
    const { era } = wallet;
    wallet.withhold(['w']);
    wallet.applyGrant('w', 150n, era);
    expect(figures()).toMatchObject({ free: 0n, withheld: 150n });
  });

  it('is not what comes later, and other windows have nothing to do with it', () => {
    wallet.withhold(['w']);
    const { era } = wallet;
    wallet.withhold(['other']);
    wallet.applyGrant('w', 150n, era);
    const hold = wallet.tryHold(['w'], 50n);
    if (hold) wallet.settle(hold, 20n);
    expect(figures()).toMatchObject({ free: 30n, withheld: 100n, consumed: 20n });
  });
});

describe('money of which a part is reserved', () => {
  let now = 0;
  beforeEach(() => {
    now = 0;
    wallet = new Wallet(() => now);
    wallet.applyGrant('w', 100n);
  });
  const lesser = () => wallet.tryHold(['w'], 1n, ['w']) !== undefined;

  it('is for lesser calls only while it is known that nothing of the reserve is in use', () => {
    expect(lesser()).toBe(false);
    wallet.applyReserve('w', 100n, 50, wallet.era);
    expect(lesser()).toBe(true);
    now = 50;
    expect(lesser()).toBe(false);
    expect(wallet.tryHold(['w'], 1n)).toBeDefined();
  });

  it('is not for them after a grant that took of the reserve, whatever older answers say', () => {
    const { era } = wallet;
    wallet.applyGrant('w', 900n, era);
    wallet.applyReserve('w', 900n, 0, era);
    wallet.applyGrant('w', 100n, era);
    wallet.applyReserve('w', 100n, 50, era);
    expect(lesser()).toBe(false);
  });

  it('is not for them by the word of older terms', () => {
    const { era } = wallet;
    wallet.applyReserve('w', 100n, 50, era);
    wallet.withhold(['w']);
    wallet.applyGrant('w', 200n);
    expect(lesser()).toBe(false);
    wallet.applyReserve('w', 200n, 50, era);
    expect(lesser()).toBe(false);
    wallet.applyReserve('w', 200n, 50, wallet.era);
    expect(lesser()).toBe(true);
  });
});
