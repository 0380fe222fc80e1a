import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Bus, unframe } from '@purser/bus';
import { type Alert, budgetsList, spendRecorded } from '@purser/contracts';
import type { RunningService } from '@purser/service';
import { createTestDatabase, eventually, startTestNats, type TestDatabase, type TestNats } from '@purser/testing';
import { start } from '../index.js';
import { newSpend } from '../ledger/new-spend.fixture.js';

jest.setTimeout(60_000);

let nats: TestNats;
let database: TestDatabase;
let service: RunningService | undefined;
let bus: Bus;
const alerts: Alert[] = [];

const env = (more: Record<string, string> = {}) => ({
  PURSER_NATS_URL: nats.url,
  PURSER_DATABASE_URL: database.url,
  PURSER_CONFIG_DIR: join(tmpdir(), `purser-no-config-${randomUUID()}`),
  PURSER_WATCHDOG_PORT: '0',
  PURSER_LOG_LEVEL: 'silent',
  ...more,
});

beforeAll(async () => {
  [nats, database] = await Promise.all([startTestNats(), createTestDatabase()]);
  service = await start(env({ DAILY_SPEND_CAP: '0.50', COST_ALERT_DAILY: '0.30', COST_ALERT_WEEKLY: '0' }));
  bus = await Bus.connect({ url: nats.url, service: 'model-gateway', instance: 'g1' });
  bus.connection.subscribe('alert.>', {
    callback: (_error, message) => void alerts.push(unframe(message.string(), message.subject).data as Alert),
  });
  await bus.connection.flush();
});

afterAll(async () => {
  await bus?.close();
  await service?.close();
  await Promise.all([nats?.stop(), database?.drop()]);
});

const health = async (): Promise<unknown> => (await fetch(`${service?.url}/health`)).json();
const told = (kind: string) => alerts.filter((alert) => alert.kind === kind);

async function spend(amountUsd: string): Promise<void> {
  const one = newSpend({ amountUsd });
  await bus.publish(spendRecorded, one.provider, { spends: [one] }, one.attemptId);
}

it('the health of the watchdog says how much of the day’s cap is spent, also after it started again', async () => {
  expect(await health()).toEqual({
    status: 'ok',
    daily_spend: 0,
    daily_cap: 0.5,
    utilization_percent: 0,
    alert_sent: false,
    remaining: 0.5,
  });
  for (const amount of ['0.10', '0.15', '0.17']) await spend(amount);
  const spent = { daily_spend: 0.42, utilization_percent: 84, alert_sent: true, remaining: 0.08 };
  await eventually(async () => expect(await health()).toMatchObject(spent));
  await eventually(() => {
    expect(told('daily_cap')).toHaveLength(1);
    expect(told('cost_alert')).toMatchObject([{ title: expect.stringContaining('COST_ALERT_DAILY') as string }]);
  });
  await service?.close();
  // What is spent while nobody watches waits on the bus.
  await spend('0.02');
  service = await start(env({ DAILY_SPEND_CAP: '0.50' }));
  await eventually(async () =>
    expect(await health()).toMatchObject({ ...spent, daily_spend: 0.44, utilization_percent: 88, remaining: 0.06 }),
  );
  expect(told('daily_cap')).toHaveLength(1);
  expect((await bus.call(budgetsList, {})).budgets).toMatchObject([{ id: 'daily-spend-cap', level: 'warning' }]);
});

it.each([
  ['DAILY_SPEND_CAP', 'five'],
  ['COST_ALERT_WEEKLY', '-1'],
])('a start with a wrong %s says so', async (name, value) => {
  await expect(start(env({ [name]: value }))).rejects.toThrow(`${name} is not valid: expected dollars such as 5.00`);
});
