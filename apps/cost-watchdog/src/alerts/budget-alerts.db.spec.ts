import type { Alert } from '@purser/contracts';
import { createTestDatabase, type TestDatabase } from '@purser/testing';
import { BudgetsService } from '../budgets/budgets.service.js';
import { newSpend } from '../ledger/new-spend.fixture.js';
import { SettlementService } from '../ledger/settlement.service.js';
import { budgetOf, HandClock, LEDGER_TEMPLATE, openWatchdog, type TestWatchdog } from '../watchdog.fixture.js';
import { WindowsService } from '../windows/windows.service.js';
import { AlertsRepository } from './alerts.repository.js';
import { giveChannels, RecordedChannel, sweep } from './recorded-channels.fixture.js';

let database: TestDatabase;
let watchdog: TestWatchdog;
let mail: RecordedChannel;
let pager: RecordedChannel;
const clock = new HandClock(new Date('2026-11-23T10:00:00Z'));
const MINUTE = 60_000;

beforeEach(async () => {
  clock.set('2026-11-23T10:00:00Z');
  database = await createTestDatabase({ template: LEDGER_TEMPLATE });
  watchdog = await openWatchdog(database.url, clock, {}, { dailyReport: false, groupSeconds: 5, cooldownMinutes: 60 });
  mail = new RecordedChannel('mail');
  pager = new RecordedChannel('pager', true, false);
  await giveChannels(watchdog, [mail, pager]);
});

afterEach(async () => {
  await watchdog?.close();
  await database?.drop();
});

const set = (limitUsd: string, id = 'daily') =>
  watchdog.get(BudgetsService).set(budgetOf({ id, period: 'day', limitUsd }));
const spend = (amountUsd: string) =>
  watchdog.get(SettlementService).settle([newSpend({ usageAt: clock.now().toISOString(), amountUsd })]);
const later = async (ms: number) => {
  clock.advance(ms);
  await watchdog.get(WindowsService).roll();
  await sweep(watchdog);
};
const open = async () =>
  (await watchdog.get(AlertsRepository).list(watchdog.database, { state: 'firing', limit: 100 }))
    .map(({ fingerprint, silenced }) => `${fingerprint}${silenced ? ' silenced' : ''}`)
    .sort();

it('tells each level once, the higher one silences the lower, and both are over with the window', async () => {
  const { window } = await set('1.00');
  await spend('0.80');
  await later(5_000);
  expect(mail.heard).toEqual(['firing budget_warning']);
  await spend('0.12');
  await later(5_000);
  expect(mail.heard).toEqual(['firing budget_warning', 'firing budget_critical']);
  expect(await open()).toEqual([`budget/daily/${window.id}/critical`, `budget/daily/${window.id}/warning silenced`]);
  // Nothing new for hours is nothing to tell.
  await later(5 * 60 * MINUTE);
  await spend('0.01');
  await later(10_000);
  expect(mail.sent).toHaveLength(2);

  clock.set('2026-11-24T00:00:00Z');
  await later(0);
  await later(5_000);
  expect(await open()).toEqual([]);
  expect(mail.heard.slice(2)).toEqual(['resolved budget_critical']);
  expect(mail.sent[2]).toMatchObject({
    fingerprint: `budget/daily/${window.id}/critical`,
    title: 'Over: Budget daily passed its critical threshold: $0.92 of $1.00',
    text: expect.stringContaining('budget daily is at $0.00 of $1.00 now') as string,
  });
  // What keeps incidents open has both closed.
  expect(pager.heard).toEqual([
    'firing budget_warning',
    'firing budget_critical',
    'resolved budget_warning',
    'resolved budget_critical',
  ]);
  // The next window is another one.
  await spend('0.80');
  await later(5_000);
  expect(mail.heard.slice(3)).toEqual(['firing budget_warning']);
});

it('withdraws a lower level that nobody was told of yet', async () => {
  await set('1.00');
  await spend('0.80');
  await spend('0.15');
  await spend('0.10');
  await later(5_000);
  expect(mail.heard).toEqual(['firing budget_exhausted']);
  expect((await watchdog.facts('alert.warning.budget_warning')) as Alert[]).toMatchObject([{ state: 'firing' }]);
});

it('is over when the limit is raised, and tells the same level again only after the cooldown', async () => {
  await set('1.00');
  await spend('0.80');
  await later(5_000);
  await set('10.00');
  await later(5_000);
  expect(mail.heard).toEqual(['firing budget_warning', 'resolved budget_warning']);
  await set('1.00');
  await later(30 * MINUTE);
  expect(mail.sent).toHaveLength(2);
  expect(await open()).toHaveLength(1);
  await later(30 * MINUTE);
  expect(mail.heard.slice(2)).toEqual(['firing budget_warning']);
});

it('never tells what is over again before its cooldown was', async () => {
  await set('1.00');
  await spend('0.80');
  await later(5_000);
  await set('10.00');
  await set('1.00');
  await set('10.00');
  await later(2 * 60 * MINUTE);
  expect(mail.heard).toEqual(['firing budget_warning', 'resolved budget_warning']);
});

it('tells the fall to a lower level as the end of the higher one', async () => {
  await set('1.00');
  await spend('0.95');
  await later(5_000);
  await set('1.20');
  await later(5_000);
  expect(mail.heard).toEqual(['firing budget_critical', 'resolved budget_critical']);
  expect(await open()).toEqual([expect.stringMatching(/^budget\/daily\/\d+\/warning$/)]);
  expect(await watchdog.facts('alert.warning.budget_warning')).toHaveLength(1);
});

it('says to tools what fires and what is over, with the same fingerprint', async () => {
  await set('1.00');
  await spend('0.95');
  await set('10.00');
  const [fired] = (await watchdog.facts('alert.critical.budget_critical')) as Alert[];
  const [over] = (await watchdog.facts('alert.info.budget_critical')) as Alert[];
  expect(fired).toMatchObject({ state: 'firing', severity: 'critical' });
  expect(over).toMatchObject({ state: 'resolved', severity: 'info', fingerprint: fired?.fingerprint });
  expect(await watchdog.facts('alert.info.budget_ok')).toMatchObject([{ state: 'resolved', severity: 'info' }]);
});

it('ends with its budget', async () => {
  await set('1.00');
  await spend('0.95');
  await later(5_000);
  await watchdog.get(BudgetsService).delete({ id: 'daily', by: 'ada', reason: '' });
  await sweep(watchdog);
  await later(5_000);
  expect(mail.heard).toEqual(['firing budget_critical', 'resolved budget_critical']);
  expect(await open()).toEqual([]);
});
