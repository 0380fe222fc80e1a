import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CostReadingFailed, CostSource, PluginContext } from '@purser/plugin-sdk';
import { costSourceChecks } from '@purser/plugin-sdk/testing';
import { BigQueryBooks, type ExportRow } from '@purser/testing';
import { GcpBillingConfig } from './config.js';
import { GcpBilling } from './gcp-billing.source.js';
import plugin from './index.js';

const period = { from: new Date('2026-11-01T00:00:00Z'), to: new Date('2026-11-08T00:00:00Z') };
const { signal } = new AbortController();
const table = 'demo-project.billing.gcp_billing_export_v1_0123';
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;

const contextOf = (secrets: Record<string, string | undefined>): PluginContext => ({
  logger: { debug() {}, info() {}, warn() {}, error() {} },
  secret: (name) => secrets[name],
  signal,
});

let folder: string;
let account: string;
let books: BigQueryBooks;
const now = new Date('2026-12-13T00:00:00Z');
const source = (more: object = {}): CostSource =>
  new GcpBilling(
    contextOf({ DEMO_ACCOUNT: account }),
    GcpBillingConfig.parse({ table, apiEndpoint: books.url, credentialsEnv: 'DEMO_ACCOUNT', ...more }),
    () => now,
  );
const read = (more?: object) => source(more).read(period, { signal });
const failure = async (more?: object) => (await read(more).catch((error: unknown) => error)) as CostReadingFailed;
const sign = (file: object) =>
  writeFile(
    account,
    JSON.stringify({
      type: 'service_account',
      client_email: 'purser@demo.iam.gserviceaccount.com',
      private_key: pem,
      token_uri: `${books.url}/token`,
      ...file,
    }),
  );

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'purser-gcp-'));
  account = join(folder, 'account.json');
});
afterAll(() => rm(folder, { recursive: true }));
beforeEach(async () => {
  books = await new BigQueryBooks().start();
  await sign({});
});
afterEach(() => books.stop());

const row = (day: string, cost: string, more: Partial<ExportRow> = {}): ExportRow => ({
  usageStart: `${day}T13:00:00Z`,
  service: 'Compute Engine',
  cost,
  ...more,
});
/** 10 MiB at $6.25 a TiB, rounded up. */
const LEAST = '0.000059605';

const busy = (status: number, reason: string) => ({
  status,
  headers: { 'retry-after': '0' },
  body: { error: { code: status, message: `busy: ${reason}`, errors: [{ reason, message: `busy: ${reason}` }] } },
});

describe('the conformance checks', () => {
  const checks = costSourceChecks({
    open: () => {
      books.rowsPerPage = 3;
      return Promise.resolve({
        source: source(),
        close: () => Promise.resolve(),
        books: {
          write: (rows) => {
            books.steady();
            books.rows = rows.map(({ day, service, amountUsd }) => row(day, amountUsd, { service }));
          },
          inCurrency: (currency) => {
            books.rows = books.rows.map((exported) => ({ ...exported, currency, rate: null }));
          },
          refuse: () =>
            books.disturb((_index, { headers, path }) =>
              path === '/token'
                ? undefined
                : { status: 403, body: { error: { message: `no ${headers.authorization}` } } },
            ),
          throttleOnce: () => books.disturb((index) => (index === 0 ? busy(429, 'rateLimitExceeded') : undefined)),
          breakAfterFirstPage: () =>
            books.disturb((_index, { query }) => (query.has('pageToken') ? busy(500, 'backendError') : undefined)),
          hang: () => books.disturb(() => 'hang'),
        },
      });
    },
    rowsOfSeveralPages: 7,
    requestUsd: LEAST,
    secrets: [pem, 'token-'],
  });
  for (const { name, run } of checks) it(name, run, 15_000);
});

it('reads net costs by day, service, SKU and project', async () => {
  books.rows = [
    row('2026-11-02', '0.123456789'),
    row('2026-11-02', '2.5', { credits: ['-0.5', '-1'] }),
    row('2026-11-02', '1', { sku: 'N2 core' }),
    row('2026-11-03', '-4.25', { project: null }),
    row('2026-10-31', '99'),
    row('2026-11-08', '99'),
  ];
  const at = (from: string, to: string) => ({ from: new Date(from), to: new Date(to), service: 'Compute Engine' });
  const second = {
    id: expect.any(String) as string,
    ...at('2026-11-02', '2026-11-03'),
    project: 'demo',
    finality: 'final',
  };
  expect(await read()).toEqual({
    ownCostUsd: LEAST,
    costs: [
      { ...second, amountUsd: '1.123456789' },
      { ...second, amountUsd: '1' },
      { id: expect.any(String) as string, ...at('2026-11-03', '2026-11-04'), amountUsd: '-4.25', finality: 'estimate' },
    ],
  });
});

it('asks in standard SQL, with parameters, for the partitions that may matter and up to a limit', async () => {
  await read({ maximumBytesBilled: 20 * 2 ** 20 });
  const asked = books.asked.find(({ path }) => path.endsWith('/jobs'));
  expect(JSON.parse(asked?.body ?? '{}')).toMatchObject({
    jobReference: { location: 'EU' },
    configuration: {
      query: {
        query: expect.stringContaining(`FROM \`${table}\``) as string,
        useLegacySql: false,
        maximumBytesBilled: '20971520',
        parameterMode: 'NAMED',
        queryParameters: [
          { name: 'from', parameterType: { type: 'TIMESTAMP' }, parameterValue: { value: '2026-11-01T00:00:00.000Z' } },
          { name: 'to', parameterType: { type: 'TIMESTAMP' }, parameterValue: { value: '2026-11-08T00:00:00.000Z' } },
          {
            name: 'since',
            parameterType: { type: 'TIMESTAMP' },
            parameterValue: { value: '2026-10-31T00:00:00.000Z' },
          },
        ],
      },
    },
  });
});

it('asks in the name of another project, when that is to pay', async () => {
  await failure({ queryProject: 'paying-project' });
  const paths = books.asked.map(({ path }) => path.split('/').slice(3, 6).join('/'));
  expect(paths).toContain('projects/demo-project/datasets');
  expect(paths.filter((path) => path.startsWith('projects/paying-project'))).toContain('projects/paying-project/jobs');
});

it('says what is wrong when its query fails on the way, which is not billed', async () => {
  books.failsOnTheWay = true;
  books.polls = 1;
  expect(await failure()).toMatchObject({
    message: expect.stringContaining('Resources exceeded') as string,
    ownCostUsd: '0',
  });
});

it('reads tables that are partitioned by a time of their own', async () => {
  books.rows = [row('2026-11-02', '1')];
  books.partitionedBy = 'export_time';
  expect((await read()).costs).toHaveLength(1);
});

it('reads over all pages, and waits for a query that takes its time', async () => {
  books.rows = Array.from({ length: 5 }, (_, index) => row('2026-11-02', '1', { sku: `SKU ${index}` }));
  books.rowsPerPage = 2;
  books.polls = 3;
  expect((await read()).costs).toHaveLength(5);
});

it('converts by the rate of each row, and refuses a currency that comes without one by its name', async () => {
  books.rows = [
    row('2026-11-02', '9', { currency: 'EUR', rate: '0.9' }),
    row('2026-11-02', '4.6', { currency: 'EUR', rate: '0.92', credits: ['-2.3'] }),
  ];
  expect((await read()).costs).toMatchObject([{ amountUsd: '12.5' }]);
  books.rows.push(row('2026-11-05', '9', { currency: 'EUR', rate: null }));
  const error = await failure();
  expect(error.message).toContain(
    `${table} is in EUR without a rate to US dollars (currency_conversion_rate) on 2026-11-05`,
  );
  expect(error).toMatchObject({ name: 'CostReadingFailed', ownCostUsd: LEAST });
});

it('knows a row again whose amount was revised, and sees what came late', async () => {
  books.rows = [row('2026-11-02', '1'), row('2026-11-03', '2')];
  const before = (await read()).costs;
  books.rows.push(row('2026-11-02', '0.75'), row('2026-11-02', '3', { service: 'Vertex AI' }));
  const after = (await read()).costs;
  expect(after.find(({ id }) => id === before[0]?.id)?.amountUsd).toBe('1.75');
  expect(after.find(({ id }) => id === before[1]?.id)?.amountUsd).toBe('2');
  expect(after).toHaveLength(3);
});

it('takes an export without rows for what it is', async () => {
  expect(await read()).toEqual({ costs: [], ownCostUsd: LEAST });
});

it('tells what its query cost, and nothing when that is paid for by capacity', async () => {
  books.bytesBilled = 2 ** 40 / 4;
  expect((await read({ maximumBytesBilled: 2 ** 40 })).ownCostUsd).toBe('1.5625');
  expect((await read({ maximumBytesBilled: 2 ** 40, usdPerTiB: '0' })).ownCostUsd).toBe('0');
});

it('stays within its limit, at no cost', async () => {
  books.bytesBilled = 2 ** 30;
  expect(await failure({ maximumBytesBilled: 2 ** 29 })).toMatchObject({
    message: expect.stringMatching(
      /exceeded limit for bytes billed.*Nothing was billed\. Raise "maximumBytesBilled"/,
    ) as string,
    ownCostUsd: '0',
  });
});

it('says what is to be set up when the table is not there, or another one', async () => {
  const other = await failure({ table: 'demo-project.billing.other' });
  expect(other.message).toMatch(
    /demo-project\.billing\.other is not there: switch on the export of the standard usage cost/,
  );
  expect(other.ownCostUsd).toBe('0');
  books.columns = ['usage_start_time', 'service', 'price'];
  const strange = await failure();
  expect(strange.message).toMatch(/is no export of usage costs, it has no sku, project, cost, credits, currency/);
  expect(books.asked.filter(({ path }) => path.endsWith('/jobs'))).toEqual([]);
});

it('says which role is missing when it is refused', async () => {
  books.denied = 'table';
  expect((await failure()).message).toMatch(
    /Access Denied.*needs "BigQuery Data Viewer" on the dataset of demo-project\.billing/,
  );
  books.denied = 'jobs';
  expect(await failure()).toMatchObject({
    message: expect.stringContaining('"BigQuery Job User" on the table’s project') as string,
    ownCostUsd: '0',
  });
});

it('says what is wrong with its credentials, and shows no key', async () => {
  const shown = (error: Error) => JSON.stringify(error, Object.getOwnPropertyNames(error));
  await sign({ private_key: undefined });
  expect((await failure()).message).toMatch(/the file that DEMO_ACCOUNT names cannot be used: .*\n.*private_key/);
  await writeFile(account, `not JSON: ${pem}`);
  const garbled = await failure();
  expect(garbled.message).toContain('the file that DEMO_ACCOUNT names is not JSON');
  expect(shown(garbled)).not.toContain(pem.slice(40, 80));
  await sign({ private_key: 'no key' });
  expect((await failure()).message).toMatch(/Google gives no token: .*Sign in for it/);
  await sign({});
  let assertion = '';
  books.disturb((_index, { path, body }) => {
    if (path !== '/token') return undefined;
    assertion = new URLSearchParams(body).get('assertion') ?? '';
    return { status: 400, body: { error: 'invalid_grant', error_description: `Bad: ${assertion}` } };
  });
  const refused = await failure();
  expect(refused.message).toMatch(/Google gives no token: invalid_grant: Bad: \[secret\]\. Sign in for it/);
  expect(shown(refused)).not.toContain(assertion.split('.')[2]);
  books.disturb((_index, { path, headers }) =>
    path === '/token'
      ? undefined
      : { status: 401, body: { error: { code: 401, message: `no ${headers.authorization}` } } },
  );
  expect((await failure()).message).toMatch(/status 401: no Bearer \[secret\]\. Sign in for it/);
  expect((await failure({ credentialsEnv: 'OTHER' })).message).toContain('OTHER is not set');
  expect((await failure({ credentialsEnv: undefined })).message).toContain(
    'as "credentialsEnv" in config/plugins.json',
  );
});

it('waits as long as it is told to when it is throttled, and repeats what was cut off or failed', async () => {
  books.rows = [row('2026-11-02', '1')];
  books.disturb(
    (index) => [busy(429, 'rateLimitExceeded'), undefined, busy(403, 'rateLimitExceeded'), 'cut' as const][index],
  );
  expect((await read()).costs).toHaveLength(1);
  books.disturb((index) => (index === 2 ? busy(503, 'backendError') : undefined));
  expect((await read()).costs).toHaveLength(1);
});

it('runs its query once, also when the answer to it was lost', async () => {
  books.rows = [row('2026-11-02', '1')];
  const seen: string[] = [];
  books.disturb((_index, { path, body }) => {
    if (!path.endsWith('/jobs')) return undefined;
    seen.push((JSON.parse(body) as { jobReference: { jobId: string } }).jobReference.jobId);
    return undefined;
  });
  books.loseNextJobAnswer = true;
  expect(await read()).toMatchObject({ costs: [{ amountUsd: '1' }], ownCostUsd: LEAST });
  expect(seen).toHaveLength(2);
  expect(new Set(seen).size).toBe(1);
});

it('tells no rows, but what its query has cost, when a later page cannot be had', async () => {
  books.rows = Array.from({ length: 5 }, (_, index) => row('2026-11-02', '1', { sku: `SKU ${index}` }));
  books.rowsPerPage = 2;
  books.disturb((_index, { query }) => (query.has('pageToken') ? busy(500, 'backendError') : undefined));
  expect(await failure()).toMatchObject({
    name: 'CostReadingFailed',
    message: expect.stringMatching(/status 500: busy: backendError \(tried 4 times\)/) as string,
    ownCostUsd: LEAST,
  });
});

it('takes the most it can have cost when nobody says what it has', async () => {
  books.disturb((_index, { path }) =>
    path.includes('/jobs') || path.includes('/queries') ? busy(500, 'backendError') : undefined,
  );
  expect((await failure({ maximumBytesBilled: 2 ** 38 })).ownCostUsd).toBe('1.5625');
});

it('stops when it is told to, and its query with it', async () => {
  const stop = new AbortController();
  const cancelled = new Promise<void>((resolve) => {
    books.disturb((_index, { path }) => {
      if (path.endsWith('/cancel')) setImmediate(resolve);
      if (!path.includes('/queries/')) return undefined;
      setImmediate(() => stop.abort(new Error('the service stops')));
      return 'hang';
    });
  });
  const reading = source({ maximumBytesBilled: 2 ** 38 }).read(period, { signal: stop.signal });
  // What it has cost by then nobody says, so it is the most that it can have cost.
  await expect(reading).rejects.toMatchObject({ message: 'given up: the service stops', ownCostUsd: '1.5625' });
  await cancelled;
  expect(books.cancelled).toHaveLength(1);
});

it('tells its cost when it is stopped between pages', async () => {
  books.rows = Array.from({ length: 5 }, (_, index) => row('2026-11-02', '1', { sku: `SKU ${index}` }));
  books.rowsPerPage = 2;
  const stop = new AbortController();
  books.disturb((_index, { query }) => {
    if (!query.has('pageToken')) return undefined;
    setImmediate(() => stop.abort(new Error('the service stops')));
    return 'hang';
  });
  await expect(source().read(period, { signal: stop.signal })).rejects.toMatchObject({ ownCostUsd: LEAST });
});

it('is gcp’s, asked four times a day, and says how its own costs are shown in its books', () => {
  const made = plugin.capabilities.costSource!(contextOf({}), plugin.config.parse({ table }));
  expect(made).toMatchObject({
    provider: 'gcp',
    schedule: { everySeconds: 21_600, staleAfterSeconds: 259_200 },
    ownCosts: { inBooksAs: 'BigQuery' },
  });
  for (const wrong of ['billing.table', 'demo-project.billing.table` WHERE true --', 'demo-project.billing'])
    expect(plugin.config.safeParse({ table: wrong }).success).toBe(false);
});
