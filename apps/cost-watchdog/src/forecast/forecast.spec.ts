import { parseUsd } from '@purser/money';
import { forecast } from './forecast.js';
import { quantile } from './quantile.js';

const DAY_MS = 86_400_000;
const at = new Date('2026-11-20T12:00:00Z'); // A Friday.

/** Spend by day from `first` on, in dollars. */
function days(first: string, amounts: readonly (string | number)[]): Map<number, bigint> {
  const start = Date.parse(first);
  return new Map(amounts.map((amount, index) => [start + index * DAY_MS, parseUsd(String(amount))]));
}

describe('the forecast', () => {
  it('is the month to date and, for each day left, the median of its weekday', () => {
    // Four weeks, from Friday, 2026-10-23: $2 from Monday to Friday, nothing at weekends, and one Friday of $50.
    const week = [2, 0, 0, 2, 2, 2, 2];
    const byDay = days('2026-10-23T00:00:00Z', [...week, ...week, 50, 0, 0, 2, 2, 2, 2, ...week]);
    byDay.set(Date.parse('2026-11-20T00:00:00Z'), parseUsd('0.50'));
    const since = new Date('2026-10-22T09:00:00Z');
    // Until today: 14 working days of $2 of which one cost $50, and $0.50; $1.50 more today, then six working days.
    expect(forecast({ at, since, byDay })).toEqual({
      enough: true,
      days: 28,
      projectedUsd: '90.00',
      lowUsd: '90.00',
      highUsd: '157.20',
    });
  });

  it('does not take what is unusual today for what is usual', () => {
    const byDay = days('2026-11-09T00:00:00Z', Array(11).fill(1));
    byDay.set(Date.parse('2026-11-20T00:00:00Z'), parseUsd('30'));
    expect(forecast({ at, since: new Date('2026-11-08T23:00:00Z'), byDay }).projectedUsd).toBe('51.00');
  });

  it.each([
    [undefined, 0],
    ['2026-11-20T01:00:00Z', 0],
    ['2026-11-13T01:00:00Z', 6],
  ])('says that there is not enough data when the first spend was at %s', (since, known) => {
    const byDay = days('2026-11-13T00:00:00Z', Array(7).fill(1));
    const given = { at, since: since === undefined ? undefined : new Date(since), byDay };
    expect(forecast(given)).toEqual({ enough: false, days: known, projectedUsd: null, lowUsd: null, highUsd: null });
  });

  it('begins with seven whole days, counts days without spend, and looks back eight weeks at most', () => {
    const byDay = days('2026-11-12T00:00:00Z', [70]);
    expect(forecast({ at, since: new Date('2026-11-12T10:00:00Z'), byDay })).toMatchObject({
      enough: true,
      days: 7,
      projectedUsd: '70.00',
    });
    expect(forecast({ at, since: new Date('2020-01-01T00:00:00Z'), byDay: new Map() })).toMatchObject({ days: 56 });
  });

  it('on the last day of a month is what is spent and the rest of that day', () => {
    const byDay = days('2026-11-01T00:00:00Z', Array(30).fill(3));
    byDay.set(Date.parse('2026-11-30T00:00:00Z'), parseUsd('1'));
    const end = new Date('2026-11-30T23:59:59Z');
    expect(forecast({ at: end, since: new Date('2026-10-31T00:00:00Z'), byDay }).projectedUsd).toBe('90.00');
  });
});

it.each([
  [[], 500, 0n],
  [[7n], 900, 7n],
  [[30n, 10n, 20n], 500, 20n],
  [[10n, 20n], 500, 15n],
  [[0n, 10n, 20n, 30n, 40n, 50n, 60n, 70n, 80n, 90n, 100n], 100, 10n],
  [[0n, 10n, 20n, 30n, 40n, 50n, 60n, 70n, 80n, 90n, 100n], 900, 90n],
])('the quantile of %j at %d permille is %s', (amounts, permille, expected) => {
  expect(quantile(amounts, permille)).toBe(expected);
});
