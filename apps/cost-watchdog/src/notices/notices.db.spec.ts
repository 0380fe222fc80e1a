import type { Alert, Spend } from '@purser/contracts';
import { createTestDatabase, type TestDatabase } from '@purser/testing';
import { BudgetsService } from '../budgets/budgets.service.js';
import { newSpend } from '../ledger/new-spend.fixture.js';
import { SettlementService } from '../ledger/settlement.service.js';
import { budgetOf, HandClock, LEDGER_TEMPLATE, openWatchdog, type TestWatchdog } from '../watchdog.fixture.js';
import { DailyCapService } from './daily-cap.service.js';
import { ForecastNotices } from './forecast-notices.service.js';
import { SpendNotices } from './spend-notices.service.js';

let database: TestDatabase;
let watchdogs: TestWatchdog[];
const clock = new HandClock(new Date('2026-11-26T10:20:00Z'));

beforeEach(async () => {
  clock.set('2026-11-26T10:20:00Z');
  database = await createTestDatabase({ template: LEDGER_TEMPLATE });
  watchdogs = [await openWatchdog(database.url, clock), await openWatchdog(database.url, clock)];
});

afterEach(async () => {
  for (const one of watchdogs) await one.close();
  await database?.drop();
});

const first = () => watchdogs[0] as TestWatchdog;
const set = (input: Parameters<typeof budgetOf>[0]) => first().get(BudgetsService).set(budgetOf(input));
const titles = async (kind: string) =>
  ((await first().facts(`alert.warning.${kind}`)) as Alert[]).map(({ title }) => title);
const health = () => first().get(DailyCapService).health();

/** Every watchdog looks, at the same time. */
const look = () => Promise.all(watchdogs.map((one) => one.get(SpendNotices).check()));
async function spend(amountUsd: string, given: Partial<Spend> = {}): Promise<void> {
  const usageAt = clock.now().toISOString();
  await first()
    .get(SettlementService)
    .settle([newSpend({ amountUsd, usageAt, ...given })]);
  await look();
}

/** Nothing of the one before is left but what is in the database. */
async function startAgain(): Promise<void> {
  await watchdogs.shift()?.close();
  watchdogs.push(await openWatchdog(database.url, clock));
}

describe('the daily cap', () => {
  it('tells in the health how far it is used, nudges once a day at 80 %, and begins anew with the day', async () => {
    await set({ id: 'cap', period: 'day', limitUsd: '0.50' });
    await set({ id: 'larger', period: 'day', limitUsd: '5.00' });
    await set({ id: 'one', scope: { provider: 'openai' }, period: 'day', limitUsd: '0.01' });
    await spend('0.39');
    expect(await health()).toEqual({
      daily_spend: 0.39,
      daily_cap: 0.5,
      utilization_percent: 78,
      alert_sent: false,
      remaining: 0.11,
    });
    await startAgain();
    await spend('0.01');
    await startAgain();
    await spend('0.05');
    expect(await titles('daily_cap')).toEqual(['80 % of what may be spent today is spent: $0.40 of $0.50 (cap)']);
    expect(await health()).toMatchObject({ daily_spend: 0.45, alert_sent: true, remaining: 0.05 });
    // Lowered and raised again, it is the same day.
    await set({ id: 'cap', period: 'day', limitUsd: '0.20' });
    expect(await health()).toMatchObject({ utilization_percent: 225, remaining: 0 });
    await set({ id: 'cap', period: 'day', limitUsd: '0.50' });
    await look();
    expect(await titles('daily_cap')).toHaveLength(1);
    clock.set('2026-11-27T00:00:00Z');
    expect(await health()).toMatchObject({ daily_spend: 0, utilization_percent: 0, alert_sent: false, remaining: 0.5 });
    await spend('0.45');
    expect(await titles('daily_cap')).toHaveLength(2);
  });

  it('tells what is spent where there is none', async () => {
    await spend('0.25');
    expect(await health()).toEqual({
      daily_spend: 0.25,
      daily_cap: null,
      utilization_percent: null,
      alert_sent: false,
      remaining: null,
    });
  });
});

describe('alerts of spend', () => {
  it('come once for the day, the week and the month, and stop nothing', async () => {
    await spend('1.00');
    expect(await titles('cost_alert')).toEqual([]);
    await spend('0.01');
    await spend('3.00');
    expect(await titles('cost_alert')).toEqual([
      '$1.01 is spent today, more than the $1.00 of COST_ALERT_DAILY; nothing is stopped',
    ]);
    await startAgain();
    clock.set('2026-11-27T09:00:00Z');
    await spend('1.50');
    await spend('15.00');
    expect((await titles('cost_alert')).slice(1)).toEqual([
      '$1.50 is spent today, more than the $1.00 of COST_ALERT_DAILY; nothing is stopped',
      '$5.51 is spent this week, more than the $5.00 of COST_ALERT_WEEKLY; nothing is stopped',
      '$20.51 is spent this month, more than the $20.00 of COST_ALERT_MONTHLY; nothing is stopped',
    ]);
    expect((await first().get(BudgetsService).list({})).budgets).toEqual([]);
  });

  it('of the forecast come once a month, when the month will go beyond its budget', async () => {
    await set({ id: 'month', period: 'month', limitUsd: '60.00' });
    const forecasts = () => Promise.all(watchdogs.map((one) => one.get(ForecastNotices).check()));
    for (let day = 10; day < 26; day++) await spend('2.00', { usageAt: `2026-11-${day}T12:00:00Z` });
    await forecasts();
    expect(await titles('forecast')).toEqual([]);
    await set({ id: 'month', period: 'month', limitUsd: '40.00' });
    await forecasts();
    await startAgain();
    await forecasts();
    expect(await titles('forecast')).toEqual([
      'About $42.00 will be spent this month ($42.00 to $42.00), more than the $40.00 of month',
    ]);
    const { budgets } = await first().get(BudgetsService).list({});
    expect(budgets).toMatchObject([{ level: 'warning' }]);
  });
});
