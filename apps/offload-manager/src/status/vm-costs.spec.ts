import type { VmBill } from './bills.js';
import { billsSince, vmCosts } from './vm-costs.js';

const now = new Date('2026-11-11T00:00:00Z');
const bill = (createdAt: string, goneAt: string | undefined, given: Partial<VmBill> = {}): VmBill => ({
  createdAt: new Date(createdAt),
  goneAt: goneAt === undefined ? undefined : new Date(goneAt),
  expiresAt: new Date('2026-11-11T01:00:00Z'),
  cost: 100n,
  regular: 400n,
  perHour: 50n,
  ...given,
});

describe('costs of VMs', () => {
  it('are those of this month, with what regular machines had cost more', () => {
    const costs = vmCosts(
      [
        bill('2026-11-10T20:00:00Z', '2026-11-10T22:00:00Z'),
        bill('2026-11-10T22:00:00Z', undefined),
        // Half of it was in October.
        bill('2026-10-31T23:00:00Z', '2026-11-01T01:00:00Z'),
      ],
      now,
    );
    expect(costs).toEqual({ perHour: 50n, created: 2, total: 250n, savings: 750n, forecast: 250n + 28n * 20n });
  });

  it('are nothing without VMs, and savings are never less than nothing', () => {
    expect(vmCosts([], now)).toEqual({ perHour: 0n, created: 0, total: 0n, savings: 0n, forecast: 0n });
    const dear = bill('2026-11-10T20:00:00Z', '2026-11-10T22:00:00Z', { cost: 900n });
    expect(vmCosts([dear], now).savings).toBe(0n);
  });

  it('will be at least those of what runs now, until it ends or the month does', () => {
    const young = bill('2026-11-10T23:59:00Z', undefined, { cost: 7n, perHour: 7_000n });
    // An hour is left of its life, and hardly anything ran lately.
    expect(vmCosts([young], now).forecast).toBe(7n + 7_000n);
    const last = new Date('2026-11-30T23:30:00Z');
    const late = bill('2026-11-30T23:29:00Z', undefined, {
      ...young,
      createdAt: new Date('2026-11-30T23:29:00Z'),
      expiresAt: new Date('2026-12-01T02:00:00Z'),
    });
    expect(vmCosts([late], last).forecast).toBe(7n + 3_500n);
  });

  it('need bills of a week, also at the beginning of a month', () => {
    expect(billsSince(now)).toEqual(new Date('2026-11-01T00:00:00Z'));
    expect(billsSince(new Date('2026-11-02T00:00:00Z'))).toEqual(new Date('2026-10-26T00:00:00Z'));
  });
});
