import fc from 'fast-check';
import { priorityOf, weightOf } from './weight.js';

const amount = fc.double({ min: 0, max: 1e7, noNaN: true });
const maybe = fc.option(amount);
const profile = fc.record({ memoryMb: amount, startSeconds: maybe, cpuSeconds: maybe });
const heavy = fc.integer({ min: 1, max: 1e6 });

describe('the weight', () => {
  it('is between 0 and 100, and as much as its parts', () => {
    fc.assert(
      fc.property(profile, heavy, (one, heavyMb) => {
        const { weight, parts } = weightOf(one, heavyMb);
        expect(weight).toBeGreaterThanOrEqual(0);
        expect(weight).toBeLessThanOrEqual(100);
        for (const { points, of } of parts) expect(points).toBeLessThanOrEqual(of);
        expect(weight).toBeCloseTo(
          parts.reduce((sum, { points }) => sum + points, 0),
          0,
        );
      }),
    );
  });

  it('never falls when more is needed', () => {
    fc.assert(
      fc.property(profile, amount, amount, amount, heavy, (one, memory, start, cpu, heavyMb) => {
        const more = {
          memoryMb: one.memoryMb + memory,
          startSeconds: (one.startSeconds ?? 0) + start,
          cpuSeconds: (one.cpuSeconds ?? 0) + cpu,
        };
        expect(weightOf(more, heavyMb).weight).toBeGreaterThanOrEqual(weightOf(one, heavyMb).weight);
      }),
    );
  });

  it('is that of MIN_WEIGHT_FOR_OFFLOAD for one that is as heavy as HEAVY_COMPONENT_RAM_MB', () => {
    const { weight, parts } = weightOf({ memoryMb: 500, startSeconds: null, cpuSeconds: null }, 500);
    expect(weight).toBe(40);
    expect(parts[0]).toMatchObject({ part: 'memory', points: 40, of: 80, because: '500 MB, where 500 MB is heavy' });
  });

  it('gives no priority to what cannot move', () => {
    expect([90, 70, 40, 10].map((weight) => priorityOf(weight, true, 40))).toEqual([
      'critical',
      'high',
      'medium',
      'low',
    ]);
    expect(priorityOf(90, false, 40)).toBe('never');
    expect(priorityOf(undefined, true, 40)).toBe('never');
  });
});
