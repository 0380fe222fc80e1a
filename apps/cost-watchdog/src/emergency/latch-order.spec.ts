import type { Latch } from '@purser/contracts';
import fc from 'fast-check';
import { isNewer, newest } from './latch-order.js';

const state = (serial: number, active: boolean): Latch => ({
  serial,
  active,
  by: 'ada',
  reason: 'a drill',
  at: '2026-11-23T10:00:00Z',
});

describe('newest', () => {
  it('is the higher serial, and of one serial the cleared state', () => {
    expect(newest([state(2, false), state(3, true), undefined])).toEqual(state(3, true));
    expect(newest([state(3, true), state(3, false)])).toEqual(state(3, false));
    expect(newest([state(3, false), state(3, true)])).toEqual(state(3, false));
    expect(newest([undefined])).toBeUndefined();
  });

  it('is the same for all stores, in whatever order they are asked', () => {
    const states = fc.array(fc.tuple(fc.nat(3), fc.boolean()), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(states, (given) => {
        const all = given.map(([serial, active]) => state(serial, active));
        const found = newest(all) as Latch;
        expect(newest([...all].reverse())).toEqual(found);
        expect(all.some((one) => isNewer(one, found))).toBe(false);
      }),
    );
  });
});
