import { Budget, type BudgetInput, type BudgetStatus } from '@purser/contracts';
import { parseUsd } from '@purser/money';
import { readStatus, tightened } from './known-window.js';

const statusOf = (input: Partial<BudgetInput> = {}, reservedUsd?: string): BudgetStatus => {
  const budget = Budget.parse({ id: 'b', period: 'total', limitUsd: '10', ...input });
  return {
    ...budget,
    level: 'ok',
    window: {
      id: 'w',
      startsAt: '2026-11-01T00:00:00Z',
      endsAt: null,
      settledUsd: '0',
      leasedUsd: '0',
      presumedUsd: '0',
      remainingUsd: '10',
      ...(reservedUsd === undefined ? {} : { reservedUsd }),
    },
  };
};
const reserved = (reservedUsd: string, minPriority = 8) =>
  readStatus(statusOf({ reserve: { amountUsd: reservedUsd, minPriority } }, reservedUsd));
const plain = readStatus(statusOf());

it('shows a smaller limit to calls that may not use the reserve', () => {
  const window = reserved('3');
  expect(window).toMatchObject({ limit: parseUsd('10') });
  expect(window.reserved).toBeUndefined();
  expect(window.lesser).toMatchObject({
    limit: parseUsd('7'),
    reserved: { amount: parseUsd('3'), minPriority: 8 },
  });
  expect(reserved('20').lesser?.limit).toBe(0n);
  expect(plain.lesser).toBeUndefined();
});

it.each([
  ['a reserve that is set', plain, reserved('1'), true],
  ['a larger one', reserved('1'), reserved('2'), true],
  ['one for fewer', reserved('1', 7), reserved('1', 8), true],
  ['a smaller one', reserved('2'), reserved('1'), false],
  ['one for more', reserved('1', 8), reserved('1', 7), false],
  ['one that is lifted', reserved('1'), plain, false],
  ['the same', reserved('1'), reserved('1'), false],
  ['a lower limit', plain, readStatus(statusOf({ limitUsd: '9' })), true],
  ['a higher limit', plain, readStatus(statusOf({ limitUsd: '11' })), false],
])('%s: whether money of older terms may be used no more', (_what, before, after, isTighter) => {
  expect(tightened([before], [after])).toEqual(isTighter ? ['w'] : []);
});
