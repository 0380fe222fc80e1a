import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Bus, unframe } from '@purser/bus';
import { type Alert, ledgerQuery, ledgerSum, sourcesList, spendRecorded } from '@purser/contracts';
import type { RunningService } from '@purser/service';
import {
  AnthropicBooks,
  BigQueryBooks,
  type CostExplorer,
  createTestDatabase,
  eventually,
  GithubBooks,
  OpenAiBooks,
  startCostExplorer,
  startTestNats,
  type TestDatabase,
  type TestNats,
} from '@purser/testing';
import { start } from '../index.js';
import { newSpend } from '../ledger/new-spend.fixture.js';

const KEY = 'key-of-the-spec';
const TABLE = 'demo-project.billing.gcp_billing_export_v1_0123';
const dayAgo = (days: number): string => new Date(Date.now() - days * 86_400_000).toISOString().slice(0, 10);
const today = dayAgo(0);
/** So long ago that books without later news are complete. */
const settledDay = dayAgo(5);

let aws: CostExplorer;
let openai: OpenAiBooks;
let anthropic: AnthropicBooks;
let github: GithubBooks;
let gcp: BigQueryBooks;
let nats: TestNats;
let database: TestDatabase;
let configDir: string;
let service: RunningService;
let bus: Bus;
const alerts: Alert[] = [];

const startOne = () =>
  start({
    PURSER_NATS_URL: nats.url,
    PURSER_DATABASE_URL: database.url,
    PURSER_CONFIG_DIR: configDir,
    PURSER_INSTANCE: 'one',
    PURSER_WATCHDOG_PORT: '0',
    PURSER_LOG_LEVEL: 'silent',
    AWS_ACCESS_KEY_ID: 'AKIAPURSERSPEC',
    AWS_SECRET_ACCESS_KEY: 'spec-secret-spec-secret',
    SPEC_KEY: KEY,
    SPEC_ACCOUNT: join(configDir, 'account.json'),
  });

const writePlugins = (plugins: object[]) => writeFile(join(configDir, 'plugins.json'), JSON.stringify({ plugins }));

const spent = async (): Promise<Record<string, string>> => {
  const ids = ['aws', 'openai', 'anthropic', 'github', 'gcp'];
  const { sums } = await bus.call(ledgerSum, { by: 'provider', ids });
  return Object.fromEntries(sums.map(({ id, amountUsd }) => [id, amountUsd]));
};

async function bill(): Promise<void> {
  aws.bill([{ day: today, service: 'Amazon Simple Storage Service', amount: '0.5' }]);
  openai.costs = [{ day: settledDay, lineItem: 'gpt-test, input', amount: '12' }];
  anthropic.costs = [{ day: today, description: 'Claude Usage', cents: '1234' }];
  github.costs = [{ day: today, product: 'Actions', sku: 'Actions Linux', netAmount: '0.8' }];
  gcp.rows = [
    { usageStart: `${today}T00:00:00Z`, service: 'Compute Engine', cost: '4.5', credits: ['-1'] },
    { usageStart: `${today}T00:00:00Z`, service: 'BigQuery', cost: '0.00005' },
  ];
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const account = {
    type: 'service_account',
    client_email: 'purser@demo-project.iam.gserviceaccount.com',
    private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    token_uri: `${gcp.url}/token`,
  };
  await writeFile(join(configDir, 'account.json'), JSON.stringify(account));
}

beforeAll(async () => {
  configDir = await mkdtemp(join(tmpdir(), 'purser-sources-'));
  [nats, database, aws, openai, anthropic, github, gcp] = await Promise.all([
    startTestNats(),
    createTestDatabase(),
    startCostExplorer({ accessKeyId: 'AKIAPURSERSPEC' }),
    new OpenAiBooks(KEY).start(),
    new AnthropicBooks(KEY).start(),
    new GithubBooks(KEY).start(),
    new BigQueryBooks().start(),
  ]);
  await bill();
  await writePlugins([]);
  service = await startOne();
  bus = await Bus.connect({ url: nats.url, service: 'model-gateway', instance: 'spec' });
  bus.connection.subscribe('alert.>', {
    callback: (_error, message) => {
      alerts.push(unframe(message.string(), message.subject).data as Alert);
    },
  });
  await bus.connection.flush();
});

afterAll(async () => {
  await bus?.close();
  await service?.close();
  await Promise.all([nats?.stop(), database?.drop()]);
  await Promise.all([aws, openai, anthropic, github, gcp].map((books) => books?.stop()));
  await rm(configDir, { recursive: true, force: true });
});

it('reads all books, adds what nobody metered, and compares what was', async () => {
  const spend = newSpend({ amountUsd: '10', usageAt: `${settledDay}T12:00:00Z` });
  await bus.publish(spendRecorded, spend.provider, { spends: [spend] }, spend.attemptId);
  await eventually(async () => expect(await spent()).toMatchObject({ openai: '10.00' }));

  await service.close();
  await writePlugins([
    { use: '@purser/aws-costs', config: { endpoint: aws.url } },
    { use: '@purser/openai-costs', config: { baseUrl: `${openai.url}/v1`, adminKeyEnv: 'SPEC_KEY' } },
    { use: '@purser/anthropic-costs', config: { baseUrl: anthropic.url, adminKeyEnv: 'SPEC_KEY' } },
    { use: '@purser/github-billing', config: { organization: 'demo', baseUrl: github.url, tokenEnv: 'SPEC_KEY' } },
    { use: '@purser/gcp-billing', config: { table: TABLE, apiEndpoint: gcp.url, credentialsEnv: 'SPEC_ACCOUNT' } },
  ]);
  service = await startOne();
  await eventually(async () => {
    const { sources } = await bus.call(sourcesList, {});
    expect(sources.map(({ name, state, counts, error }) => ({ name, state, counts, error }))).toEqual(
      [
        ['aws-costs', 'added'],
        ['openai-costs', 'reconciled'],
        ['anthropic-costs', 'added'],
        ['github-billing', 'added'],
        ['gcp-billing', 'added'],
      ].map(([name, counts]) => ({ name, counts, state: 'ok', error: null })),
    );
  });

  expect(await spent()).toEqual({
    // Half a dollar, and a cent for asking.
    aws: '0.51',
    // Twelve by OpenAI's books; the ledger keeps what was metered.
    openai: '10.00',
    anthropic: '12.34',
    github: '0.80',
    // The query cost more than what Google shows of it by now.
    gcp: '3.500059605',
  });
  const { entries } = await bus.call(ledgerQuery, { provider: 'openai' });
  expect(entries.map(({ source }) => source)).toEqual(['metered']);
});

it('alerts that the books of what is metered say something else', async () => {
  await eventually(() =>
    expect(alerts.find(({ kind }) => kind === 'cost_drift')?.details).toMatchObject({
      provider: 'openai',
      period: settledDay,
      meteredUsd: '10.00',
      reportedUsd: '12.00',
      percent: 20,
    }),
  );
});
