import fc from 'fast-check';
import { memoryReading, type PressureBounds, pressureOf, trendOf } from './memory-reading.js';

const GB = 1024 ** 3;
const at = new Date('2026-11-29T10:00:00Z');
const bounds: PressureBounds = { offloadMb: 6 * 1024, criticalMb: 2 * 1024, maxUsedPercent: 85 };
const free = (gb: number, totalGb = 64) => memoryReading(at, { totalBytes: totalGb * GB, availableBytes: gb * GB }, []);

describe('available memory', () => {
  it('is what the narrowest bound leaves', () => {
    const host = { totalBytes: 64 * GB, availableBytes: 20 * GB };
    expect(memoryReading(at, host, [{ limitBytes: 8 * GB, usedBytes: 6 * GB }])).toEqual({
      at,
      availableMb: 2048,
      totalMb: 8192,
      usedPercent: 75,
      boundBy: 'cgroup',
    });
    expect(memoryReading(at, host, [{ limitBytes: 32 * GB, usedBytes: GB }])).toMatchObject({ boundBy: 'machine' });
    expect(memoryReading(at, host, [{ limitBytes: 99 * GB, usedBytes: 98 * GB }])).toMatchObject({
      availableMb: 20480,
    });
  });

  it('has a trend, once enough is known', () => {
    const readings = [0, 1, 2, 3].map((minute) => ({
      at: new Date(at.getTime() + minute * 60_000),
      availableMb: 8000 - minute * 500 + (minute % 2) * 10,
    }));
    expect(trendOf(readings)).toBeCloseTo(-498, 0);
    expect(trendOf(readings.slice(0, 2))).toBeUndefined();
    expect(trendOf(readings.map((one) => ({ ...one, at })))).toBeUndefined();
  });
});

describe('pressure', () => {
  it('begins at one threshold and has ended only at another', () => {
    expect([1, 3, 6.5, 8, 30].map((gb) => pressureOf(free(gb), bounds))).toEqual([
      'critical',
      'pressure',
      // More than 85 % of 64 GB is used.
      'pressure',
      'pressure',
      'calm',
    ]);
    expect(pressureOf(free(7, 12), bounds)).toBe('easing');
    expect(pressureOf(free(7.5, 12), bounds)).toBe('calm');
  });

  it('never rises when more memory is free', () => {
    const order = ['calm', 'easing', 'pressure', 'critical'];
    const gb = fc.double({ min: 0, max: 64, noNaN: true });
    fc.assert(
      fc.property(gb, gb, (one, other) => {
        const [less, more] = [Math.min(one, other), Math.max(one, other)].map((value) =>
          pressureOf(free(value), bounds),
        );
        expect(order.indexOf(more ?? '')).toBeLessThanOrEqual(order.indexOf(less ?? ''));
      }),
    );
  });
});
