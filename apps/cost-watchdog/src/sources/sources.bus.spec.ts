import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Bus } from '@purser/bus';
import { budgetsList, type CostSourceStatus, ledgerQuery, sourcesList } from '@purser/contracts';
import type { RunningService } from '@purser/service';
import {
  type CostExplorer,
  createTestDatabase,
  eventually,
  startCostExplorer,
  startTestNats,
  type TestDatabase,
  type TestNats,
} from '@purser/testing';
import { start } from '../index.js';

const today = new Date().toISOString().slice(0, 10);

let aws: CostExplorer;
let nats: TestNats;
let database: TestDatabase;
let configDir: string;
let services: RunningService[] = [];
let bus: Bus;

const startOne = (instance: string) =>
  start({
    PURSER_NATS_URL: nats.url,
    PURSER_DATABASE_URL: database.url,
    PURSER_CONFIG_DIR: configDir,
    PURSER_INSTANCE: instance,
    PURSER_WATCHDOG_PORT: '0',
    PURSER_LOG_LEVEL: 'silent',
    AWS_ACCESS_KEY_ID: 'AKIAPURSERSPEC',
    AWS_SECRET_ACCESS_KEY: 'spec-secret-spec-secret',
  });

const listed = async (): Promise<Record<string, CostSourceStatus>> =>
  Object.fromEntries((await bus.call(sourcesList, {})).sources.map((one) => [one.name, one]));

beforeAll(async () => {
  configDir = await mkdtemp(join(tmpdir(), 'purser-sources-'));
  aws = await startCostExplorer({ rowsPerPage: 2, accessKeyId: 'AKIAPURSERSPEC' });
  aws.bill([
    { day: today, service: 'Amazon Elastic Compute Cloud - Compute', amount: '12.3456789012' },
    { day: today, service: 'Amazon Simple Storage Service', amount: '0.5' },
    { day: today, service: 'AWS Cost Explorer', amount: '0.02' },
  ]);
  const head = 'BilledCost,BillingCurrency,ChargePeriodStart,ChargePeriodEnd,ServiceName';
  await writeFile(join(configDir, 'euros.csv'), `${head}\n1,EUR,${today},,VM\n`);
  await writeFile(join(configDir, 'azure.csv'), `${head}\n2.5,USD,${today},,VM\n`);
  await writeFile(
    join(configDir, 'plugins.json'),
    JSON.stringify({
      plugins: [
        { use: '@purser/openai' },
        { use: '@purser/aws-costs', config: { endpoint: aws.url } },
        { use: '@purser/file-costs', name: 'azure', config: { path: join(configDir, 'azure.csv'), provider: 'azure' } },
        { use: '@purser/file-costs', name: 'euros', config: { path: join(configDir, 'euros.csv'), provider: 'other' } },
        { use: './missing.mjs', name: 'missing' },
      ],
    }),
  );
  await writeFile(join(configDir, 'budgets.json'), JSON.stringify({ monthly_budget: { total: 100, aws: 50 } }));
  [nats, database] = await Promise.all([startTestNats(), createTestDatabase()]);
  services = await Promise.all([startOne('one'), startOne('two')]);
  bus = await Bus.connect({ url: nats.url, service: 'orchestrator', instance: 'spec' });
});

afterAll(async () => {
  await bus?.close();
  await Promise.all(services.map((service) => service.close()));
  await Promise.all([nats?.stop(), database?.drop(), aws?.stop()]);
  await rm(configDir, { recursive: true, force: true });
});

it('reads what plugins.json names, through the real SDK, once for two watchdogs', async () => {
  await eventually(async () => expect((await listed())['aws-costs']).toMatchObject({ state: 'ok' }));
  await eventually(async () => expect((await listed()).azure).toMatchObject({ state: 'ok' }));
  const { entries } = await bus.call(ledgerQuery, { provider: 'aws' });
  expect(entries.map(({ model, amountUsd, source }) => [model, amountUsd, source]).sort()).toEqual([
    ['Amazon Elastic Compute Cloud - Compute', '12.345678901', 'reported'],
    ['Amazon Simple Storage Service', '0.50', 'reported'],
    // What AWS says of its Cost Explorer is these two requests, and is not counted again.
    ['Cost Explorer API requests', '0.02', 'reported'],
  ]);
  expect(aws.requests).toHaveLength(2);
  const { budgets } = await bus.call(budgetsList, {});
  expect(budgets.map(({ id, window }) => [id, window.settledUsd])).toEqual([
    ['monthly-aws', '12.865678901'],
    ['monthly-total', '15.365678901'],
  ]);
});

it('says of each how it stands, what it costs and what is wrong', async () => {
  await eventually(async () => expect((await listed()).euros).toMatchObject({ state: 'failing' }));
  const sources = await listed();
  expect(sources['aws-costs']).toMatchObject({
    provider: 'aws',
    counts: 'added',
    monthUsd: '12.865678901',
    ownMonthUsd: '0.02',
    error: null,
    everySeconds: 21_600,
  });
  expect(sources.euros).toMatchObject({ monthUsd: null, error: expect.stringContaining('in EUR') as string });
  expect(sources.missing).toMatchObject({
    state: 'refused',
    error: expect.stringContaining('there is no file') as string,
  });
  const metrics = await (await fetch(`${services[0]?.url}/metrics`)).text();
  expect(metrics).toMatch(/purser_cost_source_up\{source="aws-costs",service="cost-watchdog"\} 1/);
  expect(metrics).toMatch(/purser_cost_source_up\{source="euros",service="cost-watchdog"\} 0/);
  expect(metrics).toMatch(/purser_cost_source_own_usd\{source="aws-costs",service="cost-watchdog"\} 0\.02/);
});
