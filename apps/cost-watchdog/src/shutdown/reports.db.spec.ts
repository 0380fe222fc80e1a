import { createTestDatabase, type TestDatabase } from '@purser/testing';
import { EmergencyService } from '../emergency/emergency.service.js';
import { newSpend } from '../ledger/new-spend.fixture.js';
import { SettlementService } from '../ledger/settlement.service.js';
import { HandClock, LEDGER_TEMPLATE, openWatchdog, type TestWatchdog } from '../watchdog.fixture.js';
import { ReportsRepository } from './reports.repository.js';

let database: TestDatabase;
let watchdog: TestWatchdog;

beforeEach(async () => {
  database = await createTestDatabase({ template: LEDGER_TEMPLATE });
  watchdog = await openWatchdog(database.url, new HandClock(new Date('2026-11-23T12:00:00Z')));
});

afterEach(async () => {
  await watchdog?.close();
  await database?.drop();
});

const reports = () => new ReportsRepository(watchdog.database);

it('keeps what a rule went by with the emergency that it set, and not with the next one', async () => {
  const evidence = {
    severity: 'critical' as const,
    kind: 'spike',
    title: 'Spending spike: $10.01',
    details: { spentUsd: '10.01' },
  };
  const emergency = watchdog.get(EmergencyService);
  await emergency.trigger({ by: 'spike rule', reason: 'a spike' }, evidence);
  // It is set already: this changes nothing.
  await emergency.trigger({ by: 'spike rule', reason: 'another' }, { ...evidence, title: 'another' });
  expect(await reports().evidence(1)).toEqual({ title: 'Spending spike: $10.01', details: { spentUsd: '10.01' } });
  expect(await reports().evidence(2)).toBeNull();
});

it('sums the ledger by the hour of use, and by model', async () => {
  const spend = (usageAt: string, amountUsd: string, model = 'm') =>
    watchdog.get(SettlementService).settle([newSpend({ usageAt, amountUsd, model })]);
  await spend('2026-11-23T09:59:59Z', '8');
  await spend('2026-11-23T10:00:00Z', '1');
  await spend('2026-11-23T10:59:59Z', '2', 'n');
  await spend('2026-11-23T11:30:00Z', '4');
  await spend('2026-11-23T11:40:00Z', '0');
  const [since, until] = [new Date('2026-11-23T10:00:00Z'), new Date('2026-11-23T12:00:00Z')];
  expect(await reports().history(since, until)).toEqual([
    { hour: '2026-11-23T10:00:00.000Z', usd: '3.00' },
    { hour: '2026-11-23T11:00:00.000Z', usd: '4.00' },
  ]);
  expect(await reports().byModel(since, until)).toMatchObject([
    { model: 'm', usd: '5.00', requests: 2 },
    { model: 'n', usd: '2.00', requests: 1 },
  ]);
});
