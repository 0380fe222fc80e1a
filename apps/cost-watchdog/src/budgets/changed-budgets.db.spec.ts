import { createTestDatabase, type TestDatabase } from '@purser/testing';
import { LeasesService } from '../leases/leases.service.js';
import { newSpend } from '../ledger/new-spend.fixture.js';
import { SettlementService } from '../ledger/settlement.service.js';
import { budgetOf, HandClock, LEDGER_TEMPLATE, openWatchdog, type TestWatchdog } from '../watchdog.fixture.js';
import { BudgetsService } from './budgets.service.js';
import { SnapshotService } from './snapshot.service.js';

let database: TestDatabase;
let watchdog: TestWatchdog;
let budgets: BudgetsService;
const clock = new HandClock(new Date('2026-11-23T10:00:00Z'));

beforeEach(async () => {
  clock.set('2026-11-23T10:00:00Z');
  database = await createTestDatabase({ template: LEDGER_TEMPLATE });
  watchdog = await openWatchdog(database.url, clock);
  budgets = watchdog.get(BudgetsService);
});

afterEach(async () => {
  await watchdog?.close();
  await database?.drop();
});

const set = (input: Parameters<typeof budgetOf>[0]) => budgets.set(budgetOf(input));
const spend = (given: Parameters<typeof newSpend>[0]) =>
  watchdog.get(SettlementService).settle([newSpend({ usageAt: clock.now().toISOString(), ...given })]);
const status = async (id: string) => (await budgets.list({})).budgets.find((budget) => budget.id === id);
const HOUR = 3_600_000;

describe('a budget', () => {
  it('lowered below what is spent and set aside grants nothing more, and what is under way is recorded', async () => {
    const { window } = await set({ id: 'b', period: 'day', limitUsd: '10.00' });
    const grant = (gateway: string, needUsd: string) =>
      watchdog
        .get(LeasesService)
        .grant({ gateway, windows: [{ windowId: window.id, grantedUsd: '0', needUsd, wantUsd: needUsd }] });
    await grant('g1', '4.00');
    await spend({ amountUsd: '3.00', holdUsd: '3.00', windows: [window.id] });
    expect(await set({ id: 'b', period: 'day', limitUsd: '2.00' })).toMatchObject({
      level: 'exhausted',
      window: { settledUsd: '3.00', leasedUsd: '1.00', remainingUsd: '0.00' },
    });
    expect(await grant('g2', '0.01')).toMatchObject({ granted: false, refusal: { kind: 'exhausted' } });
    await spend({ amountUsd: '1.00', holdUsd: '1.00', windows: [window.id] });
    expect((await status('b'))?.window).toMatchObject({ settledUsd: '4.00', leasedUsd: '0.00' });
    // Raised again, but not far enough for both what is spent and what is asked for.
    await set({ id: 'b', period: 'day', limitUsd: '4.50' });
    expect(await grant('g2', '0.60')).toMatchObject({ granted: false });
    expect(await grant('g2', '0.50')).toMatchObject({ granted: true });
  });

  it('of weeks begin on the day that the budget says, and move with it', async () => {
    await spend({ amountUsd: '1.00', usageAt: '2026-11-21T12:00:00Z' });
    await spend({ amountUsd: '2.00', usageAt: '2026-11-22T12:00:00Z' });
    await spend({ amountUsd: '4.00', usageAt: '2026-11-23T01:00:00Z' });
    const week = (more: object) => set({ id: 'w', period: 'week', limitUsd: '10.00', ...more });
    expect((await week({})).window).toMatchObject({ startsAt: '2026-11-23T00:00:00.000Z', settledUsd: '4.00' });
    const sunday = await week({ weekStart: 'sunday' });
    expect(sunday).toMatchObject({
      weekStart: 'sunday',
      window: { startsAt: '2026-11-22T00:00:00.000Z', endsAt: '2026-11-29T00:00:00.000Z', settledUsd: '6.00' },
    });
    expect((await week({ weekStart: 'saturday', limitUsd: '6.00' })).window).toMatchObject({
      startsAt: '2026-11-21T00:00:00.000Z',
      settledUsd: '7.00',
    });
    clock.set('2026-11-28T00:00:00Z');
    expect((await status('w'))?.window).toMatchObject({ startsAt: '2026-11-28T00:00:00.000Z', settledUsd: '0.00' });
  });
});

describe('the history of a budget', () => {
  it('says who changed what and why, newest first and by page, also when it is deleted', async () => {
    await set({ id: 'b', period: 'day', limitUsd: '1.00' });
    await set({ id: 'other', period: 'day', limitUsd: '9.00' });
    clock.advance(HOUR);
    const { by: _, reason: __, ...second } = budgetOf({ id: 'b', period: 'day', limitUsd: '2.00' });
    await budgets.set({ ...second, by: 'eve', reason: 'release week' });
    await budgets.delete({ id: 'b', by: 'ada', reason: 'the trial is over' });
    const history = (limit: number, before?: string) =>
      watchdog.get(SnapshotService).history({ id: 'b', limit, ...(before === undefined ? {} : { before }) });
    const { changes, next } = await history(2);
    expect(changes).toMatchObject([
      { by: 'ada', reason: 'the trial is over', before: { limitUsd: '2.00' }, after: null },
      {
        by: 'eve',
        reason: 'release week',
        at: '2026-11-23T11:00:00.000Z',
        before: { limitUsd: '1.00' },
        after: second,
      },
    ]);
    expect(await history(2, next ?? '')).toMatchObject({ changes: [{ budgetId: 'b', before: null }], next: null });
  });
});
