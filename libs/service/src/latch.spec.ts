import type { Latch as State } from '@purser/contracts';
import fc from 'fast-check';
import type { Clock } from './clock.js';
import { Latch, LATCH_MAX_AGE_MS } from './latch.js';

const at = '2026-11-23T10:00:00Z';
const set = (serial: number): State => ({ serial, active: true, by: 'ada', reason: 'drill', at });
const clear = (serial: number): State => ({ serial, active: false, by: 'ada', reason: 'over', at });

describe('the latch', () => {
  let now: number;
  let latch: Latch;
  let events: string[];

  beforeEach(() => {
    now = 50_000;
    const clock: Clock = { now: () => new Date(now), monotonic: () => now };
    latch = new Latch(clock);
    events = [];
    latch.whenSet(({ serial }) => events.push(`set ${serial}`));
    latch.whenCleared(({ serial }) => events.push(`cleared ${serial}`));
  });

  it('counts as set until somebody confirmed that it is not', () => {
    expect(latch.isSet).toBe(true);
    latch.observe(clear(0), false);
    expect(latch.isSet).toBe(true);
    latch.observe(clear(0), true);
    expect(latch.isSet).toBe(false);
    expect(events).toEqual([]);
  });

  it('counts as set again when nobody confirmed for 10 s', () => {
    latch.observe(clear(0), true);
    now += LATCH_MAX_AGE_MS;
    expect(latch.isSet).toBe(false);
    now += 1;
    expect(latch.isSet).toBe(true);
    expect(latch.isStale).toBe(true);
    latch.observe(clear(0), true);
    expect(latch.isSet).toBe(false);
    expect(events).toEqual([]);
  });

  it('is set by anything that says so, once', () => {
    latch.observe(clear(1), true);
    latch.observe(set(2), false);
    expect(latch.isSet).toBe(true);
    latch.observe(set(2), true);
    expect(events).toEqual(['set 2']);
  });

  it('is cleared by the end of that very emergency, and not by that of an earlier one', () => {
    latch.observe(set(5), true);
    latch.observe(clear(4), true);
    expect(latch.isSet).toBe(true);
    latch.observe(clear(5), true);
    expect(latch.isSet).toBe(false);
    expect(events).toEqual(['set 5', 'cleared 5']);
  });

  it('takes no notice of a replayed emergency that is over', () => {
    latch.observe(clear(5), true);
    latch.observe(set(5), false);
    latch.observe(set(3), false);
    expect(latch.isSet).toBe(false);
    expect(events).toEqual([]);
  });

  it('does not take an old confirmation for one of the newer state', () => {
    latch.observe(clear(1), true);
    now += LATCH_MAX_AGE_MS - 1_000;
    latch.observe(set(2), false);
    latch.observe(clear(2), false);
    latch.observe(clear(1), true);
    now += 2_000;
    expect(latch.isSet).toBe(true);
  });

  it('comes to the same state whatever the order and repetition of messages', () => {
    const state = fc.tuple(fc.nat(4), fc.boolean()).map(([serial, active]) => (active ? set(serial) : clear(serial)));
    fc.assert(
      fc.property(fc.array(state, { minLength: 1, maxLength: 12 }), fc.infiniteStream(fc.nat()), (states, random) => {
        const shuffled = [...states, ...states].sort(() => ((random.next().value as number) % 2 ? 1 : -1));
        const one = new Latch({ now: () => new Date(now), monotonic: () => now });
        const other = new Latch({ now: () => new Date(now), monotonic: () => now });
        for (const each of states) one.observe(each, true);
        for (const each of shuffled) other.observe(each, true);
        expect(other.latest).toEqual(one.latest);
        expect(other.isSet).toBe(one.isSet);
        const highest = Math.max(...states.map(({ serial }) => serial));
        const over = states.some(({ serial, active }) => serial === highest && !active);
        expect(one.isSet).toBe(!over);
      }),
      { numRuns: 300 },
    );
  });
});
