import { createTestDatabase, type TestDatabase } from '@purser/testing';
import { parseBudgetsFile } from '../budgets/budgets-file.js';
import { BudgetsService } from '../budgets/budgets.service.js';
import { LeasesService } from '../leases/leases.service.js';
import { LedgerService } from '../ledger/ledger.service.js';
import { newSpend } from '../ledger/new-spend.fixture.js';
import { budgetOf, HandClock, LEDGER_TEMPLATE, openWatchdog, type TestWatchdog } from '../watchdog.fixture.js';
import { LatchRepository } from './latch.repository.js';

let database: TestDatabase;
let watchdogs: TestWatchdog[] = [];
const clock = new HandClock(new Date('2026-11-30T23:00:00Z'));

beforeEach(async () => {
  database = await createTestDatabase({ template: LEDGER_TEMPLATE });
  // With the rules that hold when a file names none.
  const file = parseBudgetsFile('{"budgets": []}', 'budgets.json');
  watchdogs = [await openWatchdog(database.url, clock, file), await openWatchdog(database.url, clock, file)];
});

afterEach(async () => {
  for (const one of watchdogs) await one.close();
  await database?.drop();
});

const CENTS = 5;
const usd = (cents: number) => (cents / 100).toFixed(2);

/** A gateway whose calls all come at once: what it holds for each it takes from one lease, as long as there is one to have. */
async function burst(watchdog: TestWatchdog, gateway: string, windowId: string, calls: number): Promise<number> {
  let granted = 0;
  for (let call = 0; call < calls; call++) {
    const ask = { windowId, grantedUsd: usd(granted * CENTS), needUsd: usd(CENTS), wantUsd: usd(CENTS) };
    const reply = await watchdog.get(LeasesService).grant({ gateway, windows: [ask] });
    if (!reply.granted) break;
    granted += 1;
  }
  const spends = Array.from({ length: granted }, () =>
    newSpend({
      ...{ gateway, windows: [windowId], amountUsd: usd(CENTS), holdUsd: usd(CENTS) },
      usageAt: clock.now().toISOString(),
    }),
  );
  await watchdog.get(LedgerService).record(spends);
  return granted;
}

it('a month without any spend before, and $1 spent at once: the budget stops it, and no emergency is seen in it', async () => {
  const [one, two] = watchdogs as [TestWatchdog, TestWatchdog];
  await one.get(BudgetsService).set(budgetOf({ id: 'month', period: 'month', limitUsd: '1.00' }));
  clock.set('2026-12-01T00:00:05Z');
  const [budget] = (await two.get(BudgetsService).list({})).budgets;
  const windowId = budget?.window.id ?? '';
  expect(budget?.window).toMatchObject({ startsAt: '2026-12-01T00:00:00.000Z', settledUsd: '0.00' });
  const granted = await Promise.all(
    [1, 2, 3, 4, 5, 6].map((n) => burst(n % 2 === 0 ? one : two, `g${n}`, windowId, 10)),
  );
  expect(granted.reduce((sum, each) => sum + each, 0)).toBe(20);
  expect((await one.get(BudgetsService).list({})).budgets[0]).toMatchObject({
    level: 'exhausted',
    window: { settledUsd: '1.00', leasedUsd: '0.00', remainingUsd: '0.00' },
  });
  expect(await one.facts('alert.critical.budget_exhausted')).toHaveLength(1);
  expect(await one.facts('alert.critical.spike')).toEqual([]);
  expect(await one.get(LatchRepository).read(one.database)).toMatchObject({ active: false, serial: 0 });
});
