import fc from 'fast-check';
import { freshIsCheaper } from './session-size.js';

/** After how many units a session gives way to a fresh one, when the n-th costs `cost(n)`. */
function sizeBy(cost: (unit: number) => number, overhead: number, most = 100_000): number {
  let excess = 0;
  for (let unit = 1; unit <= most; unit += 1) {
    excess += cost(unit) - cost(1);
    const costs = { fresh: cost(1), now: cost(unit), excess, overhead, remaining: undefined };
    if (freshIsCheaper(costs)) return unit;
  }
  return most;
}

const meanCost = (cost: (unit: number) => number, overhead: number, size: number): number => {
  let sum = overhead;
  for (let unit = 1; unit <= size; unit += 1) sum += cost(unit);
  return sum / size;
};

it('is about the best when each unit costs a little more than the one before', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 10_000 }),
      fc.integer({ min: 1, max: 100 }),
      fc.integer({ min: 5_000, max: 100_000 }),
      (fresh, more, overhead) => {
        const cost = (unit: number) => fresh + more * (unit - 1);
        const size = sizeBy(cost, overhead);
        const best = Math.sqrt((2 * overhead) / more);
        expect(Math.abs(size - best)).toBeLessThanOrEqual(2);
        const nearby = [Math.floor(best), Math.ceil(best)].map((units) => meanCost(cost, overhead, units));
        expect(meanCost(cost, overhead, size)).toBeLessThanOrEqual(Math.min(...nearby) * 1.05);
      },
    ),
  );
});

it('is not cut while units cost what they did, nor before a hand-over is made up for', () => {
  expect(sizeBy(() => 500, 1_000, 5_000)).toBe(5_000);
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 1_000 }), { minLength: 1, maxLength: 50 }),
      fc.integer({ min: 1, max: 10_000 }),
      (steps, overhead) => {
        const sorted = [...steps].sort((a, b) => a - b);
        const cost = (unit: number) => sorted[Math.min(unit, sorted.length) - 1]!;
        const size = sizeBy(cost, overhead, 200);
        const before = Array.from({ length: size - 1 }, (_, index) => cost(index + 1) - cost(1));
        expect(before.reduce((sum, one) => sum + one, 0)).toBeLessThan(overhead);
      },
    ),
  );
});

it('is not cut for the last units, which would not earn the hand-over back', () => {
  const costs = { fresh: 100, now: 300, excess: 5_000, overhead: 1_000 };
  expect(freshIsCheaper({ ...costs, remaining: 6 })).toBe(true);
  expect(freshIsCheaper({ ...costs, remaining: 5 })).toBe(false);
});
