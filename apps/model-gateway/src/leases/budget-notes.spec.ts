import type { Log } from '@purser/service';
import { BudgetNotes } from './budget-notes.js';
import type { LeaseClient } from './lease-client.js';
import { windowOf } from './slow-desk.fixture.js';
import { SpentWindows } from './spent-windows.js';
import { Wallet } from './wallet.js';

const DOLLAR = 1_000_000_000n;
const windowAt = (id: string, settled: bigint) => ({ ...windowOf(id, DOLLAR), settled });

let warnings: unknown[];
let notes: BudgetNotes;
beforeEach(() => {
  warnings = [];
  const spending = new SpentWindows(new Wallet(() => 0));
  const log = { warn: (fields: unknown) => warnings.push(fields) } as unknown as Log;
  notes = new BudgetNotes({ spending } as unknown as LeaseClient, log);
});

it('tells the least that is left, and never less than nothing', () => {
  expect(notes.headers([windowAt('a', 0n), windowAt('b', DOLLAR / 4n)])).toEqual({
    'x-purser-budget-remaining-usd': '0.75',
  });
  expect(notes.headers([windowAt('c', 2n * DOLLAR)])['x-purser-budget-remaining-usd']).toBe('0.00');
  expect(notes.headers([])).toEqual({});
});

it('warns with every answer, and in the log once for each window', () => {
  const critical = [windowAt('a', (DOLLAR * 93n) / 100n), windowAt('b', 0n)];
  for (let count = 0; count < 3; count++)
    expect(notes.headers(critical)['x-purser-budget-warning']).toBe('budget-a 93%');
  expect(warnings).toEqual([{ budgetId: 'budget-a', windowId: 'a', spentUsd: '0.93', limitUsd: '1.00' }]);
  notes.headers([{ ...windowAt('a2', DOLLAR), budgetId: 'budget-a' }]);
  expect(warnings).toHaveLength(2);
});

it('warns again when a window that had recovered is nearly used up once more', () => {
  const [before, between, after] = [95n, 20n, 96n].map((percent) => windowAt('r', (DOLLAR * percent) / 100n));
  for (const window of [before, between, after]) if (window) notes.headers([window]);
  expect(warnings).toHaveLength(2);
});
