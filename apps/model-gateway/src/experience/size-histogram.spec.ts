import fc from 'fast-check';
import { CLASSES, classLimit, classOf, p99 } from './size-histogram.js';

const count = (sizes: number[]): number[] => {
  const counts = Array.from({ length: CLASSES }, () => 0);
  for (const size of sizes) counts[classOf(size)] = (counts[classOf(size)] ?? 0) + 1;
  return counts;
};

it('has nothing to say without answers', () => {
  expect(p99(count([]))).toBeUndefined();
});

it('covers every size that models write', () => {
  expect(classLimit(CLASSES - 1)).toBeGreaterThan(200_000);
});

it('is at least the exact percentile, and at most a quarter above it', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 16, max: 200_000 }), { minLength: 1, maxLength: 300 }), (sizes) => {
      const exact = [...sizes].sort((a, b) => a - b)[Math.ceil(sizes.length * 0.99) - 1] ?? 0;
      const found = p99(count(sizes)) ?? 0;
      expect(found).toBeGreaterThanOrEqual(exact);
      expect(found).toBeLessThanOrEqual(exact * 1.25 + 2);
    }),
  );
});
