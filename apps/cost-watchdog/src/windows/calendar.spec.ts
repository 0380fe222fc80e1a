import fc from 'fast-check';
import { rollingStart, windowAt } from './calendar.js';

const span = (period: 'day' | 'week' | 'month', zone: string, at: string): [string, string] => {
  const { startsAt, endsAt } = windowAt(period, zone, new Date(at));
  return [startsAt.toISOString(), endsAt?.toISOString() ?? 'never'];
};

describe('windowAt', () => {
  it('cuts at local midnight', () => {
    expect(span('day', 'UTC', '2026-11-23T23:59:59.999Z')).toEqual([
      '2026-11-23T00:00:00.000Z',
      '2026-11-24T00:00:00.000Z',
    ]);
    expect(span('day', 'Asia/Kathmandu', '2026-11-23T18:15:00Z')).toEqual([
      '2026-11-23T18:15:00.000Z',
      '2026-11-24T18:15:00.000Z',
    ]);
  });

  it('begins weeks on Monday and months on the first', () => {
    expect(span('week', 'UTC', '2026-11-29T23:00:00Z')).toEqual([
      '2026-11-23T00:00:00.000Z',
      '2026-11-30T00:00:00.000Z',
    ]);
    expect(span('week', 'UTC', '2026-11-30T00:00:00Z')[0]).toBe('2026-11-30T00:00:00.000Z');
    expect(span('month', 'America/New_York', '2027-01-01T03:00:00Z')).toEqual([
      '2026-12-01T05:00:00.000Z',
      '2027-01-01T05:00:00.000Z',
    ]);
  });

  it.each([
    ['monday', '2026-11-23'],
    ['tuesday', '2026-11-24'],
    ['wednesday', '2026-11-25'],
    ['thursday', '2026-11-26'],
    ['friday', '2026-11-20'],
    ['saturday', '2026-11-21'],
    ['sunday', '2026-11-22'],
  ] as const)('begins weeks on %s where it is told to', (weekStart, first) => {
    // A Thursday.
    const { startsAt, endsAt } = windowAt('week', 'UTC', new Date('2026-11-26T12:00:00Z'), weekStart);
    expect(startsAt).toEqual(new Date(`${first}T00:00:00Z`));
    expect(endsAt?.getTime()).toBe(startsAt.getTime() + 7 * 86_400_000);
  });

  it('has weeks of an hour less and an hour more where the clock changes, also from Sunday on', () => {
    const hours = (at: string) => {
      const { startsAt, endsAt } = windowAt('week', 'America/New_York', new Date(at), 'sunday');
      return [(endsAt as Date).getTime() - startsAt.getTime(), startsAt.toISOString()];
    };
    // The clocks change on the very Sunday that begins the week.
    expect(hours('2026-03-11T12:00:00Z')).toEqual([167 * 3_600_000, '2026-03-08T05:00:00.000Z']);
    expect(hours('2026-11-04T12:00:00Z')).toEqual([169 * 3_600_000, '2026-11-01T04:00:00.000Z']);
  });

  it('has days of 23 and 25 hours where the clock changes', () => {
    expect(span('day', 'Europe/Berlin', '2026-03-29T12:00:00Z')).toEqual([
      '2026-03-28T23:00:00.000Z',
      '2026-03-29T22:00:00.000Z',
    ]);
    expect(span('day', 'Europe/Berlin', '2026-10-25T12:00:00Z')).toEqual([
      '2026-10-24T22:00:00.000Z',
      '2026-10-25T23:00:00.000Z',
    ]);
  });

  it('begins at the first instant of a day that has no midnight', () => {
    // Beirut goes from 24:00 to 01:00 on the last Sunday of March.
    expect(span('day', 'Asia/Beirut', '2026-03-29T10:00:00Z')).toEqual([
      '2026-03-28T22:00:00.000Z',
      '2026-03-29T21:00:00.000Z',
    ]);
  });

  it('gives a day that has midnight twice one window', () => {
    // Havana goes from 01:00 back to 00:00 on the first Sunday of November.
    expect(span('day', 'America/Havana', '2026-11-01T05:30:00Z')).toEqual([
      '2026-11-01T04:00:00.000Z',
      '2026-11-02T05:00:00.000Z',
    ]);
  });

  it('survives a day that does not exist', () => {
    // Samoa skipped 2011-12-30.
    expect(span('day', 'Pacific/Apia', '2011-12-30T09:59:59Z')[1]).toBe('2011-12-30T10:00:00.000Z');
    expect(span('day', 'Pacific/Apia', '2011-12-30T10:00:00Z')[0]).toBe('2011-12-30T10:00:00.000Z');
  });

  it('gives windows that hold their instant and touch the next one', () => {
    const zones = [
      'UTC',
      'Europe/Berlin',
      'America/St_Johns',
      'Australia/Lord_Howe',
      'Africa/Cairo',
      'Pacific/Auckland',
    ];
    fc.assert(
      fc.property(
        fc.constantFrom('day' as const, 'week' as const, 'month' as const),
        fc.constantFrom(...zones),
        fc.date({ min: new Date('2020-01-01'), max: new Date('2035-01-01'), noInvalidDate: true }),
        (period, zone, at) => {
          const { startsAt, endsAt } = windowAt(period, zone, at);
          expect(startsAt.getTime()).toBeLessThanOrEqual(at.getTime());
          expect(endsAt?.getTime()).toBeGreaterThan(at.getTime());
          expect(windowAt(period, zone, endsAt as Date).startsAt).toEqual(endsAt);
          expect(windowAt(period, zone, startsAt).startsAt).toEqual(startsAt);
        },
      ),
      { numRuns: 150 },
    );
  });

  it('has no end for total', () => {
    expect(windowAt('total', 'UTC', new Date()).endsAt).toBeNull();
  });
});

describe('rollingStart', () => {
  it('holds at least its length, and at most an hour more', () => {
    expect(rollingStart(5, new Date('2026-11-23T10:30:00Z')).toISOString()).toBe('2026-11-23T05:00:00.000Z');
    expect(rollingStart(1, new Date('2026-11-23T10:00:00Z')).toISOString()).toBe('2026-11-23T09:00:00.000Z');
  });
});
