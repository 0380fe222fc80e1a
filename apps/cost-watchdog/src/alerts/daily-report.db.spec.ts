import { createTestDatabase, type TestDatabase } from '@purser/testing';
import { BudgetsService } from '../budgets/budgets.service.js';
import { newSpend } from '../ledger/new-spend.fixture.js';
import { SettlementService } from '../ledger/settlement.service.js';
import { budgetOf, HandClock, LEDGER_TEMPLATE, openWatchdog, type TestWatchdog } from '../watchdog.fixture.js';
import { DailyReport } from './daily-report.service.js';
import { giveChannels, RecordedChannel, sweep } from './recorded-channels.fixture.js';

let database: TestDatabase;
const open: TestWatchdog[] = [];
const clock = new HandClock(new Date('2026-11-23T10:00:00Z'));

beforeEach(async () => {
  clock.set('2026-11-27T06:00:00Z');
  database = await createTestDatabase({ template: LEDGER_TEMPLATE });
});

afterEach(async () => {
  await Promise.all(open.splice(0).map((watchdog) => watchdog.close()));
  await database?.drop();
});

/** As a service starts. */
async function start(mail: RecordedChannel, ...others: RecordedChannel[]): Promise<TestWatchdog> {
  const alerts = { timezone: 'Europe/Berlin', dailyReport: { at: '08:00' } };
  const watchdog = await openWatchdog(database.url, clock, {}, alerts);
  open.push(watchdog);
  await giveChannels(watchdog, [mail, ...others]);
  await watchdog.get(DailyReport).begin();
  return watchdog;
}

const at = async (time: string, ...watchdogs: TestWatchdog[]) => {
  clock.set(time);
  await Promise.all(watchdogs.map((watchdog) => sweep(watchdog)));
  await Promise.all(watchdogs.map((watchdog) => sweep(watchdog)));
};

it('is sent once a day at its time, with several watchdogs and over restarts', async () => {
  const [mail, pager] = [new RecordedChannel('mail'), new RecordedChannel('pager', true, false)];
  const watchdogs = [await start(mail, pager), await start(mail, pager)];
  await at('2026-11-27T06:59:59Z', ...watchdogs);
  expect(mail.sent).toEqual([]);
  await at('2026-11-27T07:00:00Z', ...watchdogs);
  expect(mail.sent).toMatchObject([{ id: 'report-2026-11-26', state: 'report' }]);
  watchdogs.push(await start(mail, pager));
  await at('2026-11-27T20:00:00Z', ...watchdogs);
  expect(mail.sent).toHaveLength(1);
  // Nobody was there at eight on the 28th.
  await at('2026-11-28T19:00:00Z', ...watchdogs);
  await at('2026-11-29T07:00:00Z', ...watchdogs);
  expect(mail.sent.map(({ id }) => id)).toEqual(['report-2026-11-26', 'report-2026-11-27', 'report-2026-11-28']);
  expect(pager.sent).toEqual([]);
});

it('is not sent on the day of the first start, when its time is over already', async () => {
  clock.set('2026-11-27T15:00:00Z');
  const mail = new RecordedChannel('mail');
  const watchdog = await start(mail);
  await at('2026-11-27T16:00:00Z', watchdog);
  expect(mail.sent).toEqual([]);
  await at('2026-11-28T07:00:00Z', watchdog);
  expect(mail.sent).toHaveLength(1);
});

it('tells what was spent by the days of its time zone', async () => {
  const mail = new RecordedChannel('mail');
  const watchdog = await start(mail);
  const spend = (usageAt: string, amountUsd: string, provider = 'openai') =>
    watchdog.get(SettlementService).settle([newSpend({ usageAt, amountUsd, provider })]);
  await watchdog.get(BudgetsService).set(budgetOf({ id: 'total', period: 'month', limitUsd: '20' }));
  await spend('2026-10-31T22:59:59Z', '7.00'); // October there
  await spend('2026-10-31T23:00:00Z', '1.00');
  await spend('2026-11-25T22:59:59Z', '2.00');
  await spend('2026-11-25T23:00:00Z', '0.50', 'anthropic');
  await spend('2026-11-26T22:59:59Z', '0.25');
  await spend('2026-11-26T23:00:00Z', '0.75'); // today
  await at('2026-11-27T07:00:00Z', watchdog);
  expect(mail.sent[0]?.title).toBe('2026-11-26: $0.75 spent, $3.75 in the month');
  expect(mail.sent[0]?.text).toContain('- openai: $0.25, $3.25\n- anthropic: $0.50, $0.50');
  expect(mail.sent[0]?.text).toMatch(/- total: \$\d+\.\d\d of \$20\.00 \(\d+(\.\d)? %\), ok/);
});
