import type { Spend } from '@purser/contracts';
import { createTestDatabase, type TestDatabase } from '@purser/testing';
import { BudgetsService } from '../budgets/budgets.service.js';
import { CostsService } from '../costs/costs.service.js';
import { LeasesService } from '../leases/leases.service.js';
import { budgetOf, HandClock, LEDGER_TEMPLATE, openWatchdog, type TestWatchdog } from '../watchdog.fixture.js';
import { CorrectionsService } from './corrections.service.js';
import { LedgerService } from './ledger.service.js';
import { newSpend } from './new-spend.fixture.js';
import { SettlementService } from './settlement.service.js';

let database: TestDatabase;
let watchdog: TestWatchdog;
const clock = new HandClock(new Date('2026-11-26T10:20:00Z'));

beforeEach(async () => {
  clock.set('2026-11-26T10:20:00Z');
  database = await createTestDatabase({ template: LEDGER_TEMPLATE });
  watchdog = await openWatchdog(database.url, clock);
});

afterEach(async () => {
  await watchdog?.close();
  await database?.drop();
});

const set = (input: Parameters<typeof budgetOf>[0]) => watchdog.get(BudgetsService).set(budgetOf(input));
const correct = (attemptId: string, actualUsd: string) =>
  watchdog.get(CorrectionsService).correct({ attemptId, actualUsd, by: 'ada', reason: 'the bill says so' });
const windows = async () => {
  const { budgets } = await watchdog.get(BudgetsService).list({});
  return Object.fromEntries(budgets.map(({ id, level, window }) => [id, `${window.settledUsd} ${level}`]));
};

async function spend(given: Partial<Spend>): Promise<string> {
  const one = newSpend({ usageAt: clock.now().toISOString(), ...given });
  await watchdog.get(SettlementService).settle([one]);
  return one.attemptId;
}

it('counts what a part of a task cost in the budgets of all tasks above it, and corrects it there', async () => {
  for (const task of ['part', 'parent', 'root', 'other'])
    await set({ id: task, scope: { task }, period: 'total', limitUsd: '10.00' });
  await set({ id: 'all', period: 'total', limitUsd: '10.00' });
  const presumed = await spend({
    ...{ task: 'part', ancestors: ['parent', 'root'], amountUsd: '2.00', finality: 'presumed', outcome: 'unknown' },
  });
  await spend({ task: 'parent', ancestors: ['root'], amountUsd: '1.00' });
  expect(await windows()).toEqual({
    part: '2.00 ok',
    parent: '3.00 ok',
    root: '3.00 ok',
    other: '0.00 ok',
    all: '3.00 ok',
  });
  await correct(presumed, '0.50');
  expect(await windows()).toMatchObject({ part: '0.50 ok', parent: '1.50 ok', root: '1.50 ok', all: '1.50 ok' });
});

describe('a correction', () => {
  it('is an entry of the difference, with a name and a reason, that counts where the first one did', async () => {
    const { window } = await set({ id: 'day', period: 'day', limitUsd: '2.00' });
    await set({ id: 'task', scope: { task: 't1' }, period: 'total', limitUsd: '10.00' });
    await set({ id: 'rolling', period: { hours: 2 }, limitUsd: '10.00' });
    const lease = { windowId: window.id, grantedUsd: '0', needUsd: '2.00', wantUsd: '2.00' };
    await watchdog.get(LeasesService).grant({ gateway: 'g1', windows: [lease] });
    const presumed = await spend({
      ...{ task: 't1', amountUsd: '2.00', holdUsd: '2.00', windows: [window.id], finality: 'presumed' },
      outcome: 'unknown',
    });
    expect(await windows()).toEqual({ day: '2.00 exhausted', task: '2.00 ok', rolling: '2.00 ok' });
    clock.set('2026-11-26T12:00:00Z');
    expect(await correct(presumed, '0.50')).toMatchObject({
      beforeUsd: '2.00',
      actualUsd: '0.50',
      correction: {
        ...{ amountUsd: '-1.50', source: 'correction', finality: 'final', corrects: presumed, by: 'ada' },
        ...{ reason: 'the bill says so', task: 't1', usageAt: '2026-11-26T10:20:00.000Z', holdUsd: '0.00' },
      },
    });
    expect(await windows()).toEqual({ day: '0.50 ok', task: '0.50 ok', rolling: '0.50 ok' });
    // The lease was settled when the call was; a correction of it neither takes nor gives.
    const [day] = (await watchdog.get(BudgetsService).list({})).budgets;
    expect(day).toMatchObject({ id: 'day', window: { leasedUsd: '0.00', remainingUsd: '1.50' } });
    const { spend: hours } = await watchdog.get(CostsService).history({ by: 'hour', limit: 10 });
    expect(hours).toMatchObject([{ at: '2026-11-26T10:00:00.000Z', amountUsd: '0.50', requests: 1, inputTokens: 100 }]);
    const { sums } = await watchdog.get(LedgerService).sum({ by: 'task', ids: ['t1'] });
    expect(sums).toMatchObject([{ amountUsd: '0.50', requests: 1 }]);
    expect(await watchdog.facts('alert.info.ledger_corrected')).toHaveLength(1);
    const { entries } = await watchdog.get(LedgerService).query({ limit: 10, source: 'correction' });
    expect(entries).toMatchObject([{ corrects: presumed, by: 'ada' }]);
  });

  it('says what is true, so that saying it twice changes nothing, and it can be said anew', async () => {
    await set({ id: 'day', period: 'day', limitUsd: '2.00' });
    const attempt = await spend({ amountUsd: '1.00' });
    const both = await Promise.all([correct(attempt, '0.25'), correct(attempt, '0.25')]);
    expect(both.map(({ correction }) => correction?.amountUsd ?? 'none').sort()).toEqual(['-0.75', 'none']);
    expect(await correct(attempt, '5.00')).toMatchObject({ beforeUsd: '0.25', correction: { amountUsd: '4.75' } });
    // Beyond the limit: what was spent is spent.
    expect(await windows()).toEqual({ day: '5.00 exhausted' });
    expect(await correct(attempt, '0')).toMatchObject({ beforeUsd: '5.00', actualUsd: '0.00' });
    expect(await windows()).toEqual({ day: '0.00 ok' });
  });

  it('of what a budget no longer counts leaves the budget alone', async () => {
    await set({ id: 'rolling', period: { hours: 2 }, limitUsd: '10.00' });
    await set({ id: 'day', period: 'day', limitUsd: '10.00' });
    const attempt = await spend({ amountUsd: '3.00' });
    clock.set('2026-11-27T00:30:00Z');
    await spend({ amountUsd: '1.00' });
    await correct(attempt, '0');
    expect(await windows()).toEqual({ day: '1.00 ok', rolling: '1.00 ok' });
    // Nor is the day of the call counted anew for it.
    const rows = await watchdog.database.query<{ settled_nano: bigint }>(
      `SELECT settled_nano FROM windows WHERE budget_id = 'day' ORDER BY starts_at`,
    );
    expect(rows.map(({ settled_nano }) => settled_nano)).toEqual([0n, 1_000_000_000n]);
  });

  it('counts when a window is counted anew', async () => {
    const attempt = await spend({ amountUsd: '3.00' });
    await correct(attempt, '1.00');
    expect((await set({ id: 'late', period: 'month', limitUsd: '10.00' })).window.settledUsd).toBe('1.00');
    expect((await set({ id: 'hours', period: { hours: 5 }, limitUsd: '10.00' })).window.settledUsd).toBe('1.00');
  });

  it('needs an attempt, and is not corrected itself', async () => {
    await expect(correct('nothing', '1')).rejects.toMatchObject({ code: 'not_found' });
    const { correction } = await correct(await spend({ amountUsd: '1.00' }), '0');
    await expect(correct(correction?.attemptId ?? '', '1')).rejects.toMatchObject({
      code: 'not_found',
      message: expect.stringContaining('correct its attempt again') as string,
    });
  });
});
