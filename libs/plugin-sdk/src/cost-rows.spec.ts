import fc from 'fast-check';
import { addDecimals, CostRows, daysOf, settled } from './cost-rows.js';

it.each([
  ['0.1', '0.2', '0.3'],
  ['-0.1', '0.1', '0'],
  ['1', '-0.000000001', '0.999999999'],
  ['-1.5', '-0.5', '-2'],
  ['90071992547409.93', '0.000000000000000001', '90071992547409.930000000000000001'],
])('adds %s and %s to %s', (one, other, sum) => {
  expect(addDecimals(one, other)).toBe(sum);
});

it('adds as whole cents do', () => {
  const cents = fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n });
  const written = (amount: bigint) =>
    `${amount < 0n ? '-' : ''}${(amount < 0n ? -amount : amount).toString().padStart(3, '0').replace(/(..)$/, '.$1')}`;
  fc.assert(
    fc.property(cents, cents, (a, b) => {
      expect(addDecimals(written(a), written(b))).toBe(addDecimals(written(a + b), '0'));
    }),
  );
});

const day = new Date('2026-11-03T00:00:00Z');

it('makes one row of what has one key, and tells other keys apart', () => {
  const rows = new CostRows();
  const row = { day, service: 'a/b', finality: 'estimate' as const };
  rows.add({ ...row, key: ['a/b', 'c'], amountUsd: '0.1', model: 'm' });
  rows.add({ ...row, key: ['a', 'b/c'], amountUsd: '1' });
  rows.add({ ...row, key: ['a/b', 'c'], amountUsd: '0.2', model: 'm' });
  rows.add({ ...row, key: ['a/b', null], amountUsd: '0', project: 'p' });
  const common = { from: day, to: new Date('2026-11-04T00:00:00Z'), service: 'a/b', finality: 'estimate' };
  expect(rows.all()).toEqual([
    { ...common, id: '2026-11-03/a%2Fb/c', amountUsd: '0.3', model: 'm' },
    { ...common, id: '2026-11-03/a/b%2Fc', amountUsd: '1' },
    { ...common, id: '2026-11-03/a%2Fb/', amountUsd: '0', project: 'p' },
  ]);
});

it('takes a day for settled so many days after its end', () => {
  expect(settled(day, 3, new Date('2026-11-06T23:59:59Z'))).toBe('estimate');
  expect(settled(day, 3, new Date('2026-11-07T00:00:00Z'))).toBe('final');
});

it('tells the days of a period, without its end', () => {
  const days = (from: string, to: string) =>
    daysOf({ from: new Date(from), to: new Date(to) }).map((at) => at.toISOString().slice(0, 10));
  expect(days('2026-10-31T00:00:00Z', '2026-11-02T00:00:00Z')).toEqual(['2026-10-31', '2026-11-01']);
  expect(days('2026-11-02T00:00:00Z', '2026-11-02T00:00:00Z')).toEqual([]);
});
