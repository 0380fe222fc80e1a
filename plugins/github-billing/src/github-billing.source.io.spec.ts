import type { CostSource, PluginContext } from '@purser/plugin-sdk';
import { costSourceChecks } from '@purser/plugin-sdk/testing';
import { GithubBooks, type GithubCost } from '@purser/testing';
import { Octokit } from 'octokit';
import { GithubBillingConfig } from './config.js';
import { GithubBilling } from './github-billing.source.js';
import plugin from './index.js';

const TOKEN = 'github_pat_demo';
const period = { from: new Date('2026-11-01T00:00:00Z'), to: new Date('2026-11-08T00:00:00Z') };
const { signal } = new AbortController();

const contextOf = (secrets: Record<string, string | undefined>): PluginContext => ({
  logger: { debug() {}, info() {}, warn() {}, error() {} },
  secret: (name) => secrets[name],
  signal,
});

let books: GithubBooks;
let secrets: Record<string, string | undefined>;
let now: Date;
const source = (more: object = {}): CostSource =>
  new GithubBilling(
    contextOf(secrets),
    GithubBillingConfig.parse({ organization: 'demo', baseUrl: books.url, tokenEnv: 'DEMO_TOKEN', ...more }),
    () => now,
  );
const read = async (more?: object) => (await source(more).read(period, { signal })).costs;

beforeEach(async () => {
  books = await new GithubBooks(TOKEN).start();
  secrets = { DEMO_TOKEN: TOKEN };
  now = new Date('2026-11-12T00:00:00Z');
});
afterEach(() => books.stop());

const cost = (day: string, netAmount: string, more: Partial<GithubCost> = {}): GithubCost => ({
  day,
  netAmount,
  product: 'Actions',
  sku: 'Actions Linux',
  ...more,
});

const slower = { status: 429, headers: { 'retry-after': '0' }, body: { error: { message: 'Too many requests' } } };
const broken = { status: 500, headers: { 'retry-after': '0' }, body: 'broken' };

describe('the conformance checks', () => {
  const checks = costSourceChecks({
    open: () =>
      Promise.resolve({
        source: source(),
        close: () => Promise.resolve(),
        books: {
          write: (rows) => {
            books.steady();
            books.costs = rows.map(({ day, service, amountUsd }) =>
              cost(day, amountUsd, { product: 'Demo', sku: service }),
            );
          },
          refuse: () => books.disturb(() => ({ status: 403, body: { message: `no ${TOKEN}` } })),
          throttleOnce: () => books.disturb((index) => (index === 0 ? slower : undefined)),
          breakAfterFirstPage: () => books.disturb((index) => (index === 0 ? undefined : broken)),
          hang: () => books.disturb(() => 'hang'),
        },
      }),
    secrets: [TOKEN],
    serviceOf: (service) => `Demo: ${service}`,
  });
  for (const { name, run } of checks) it(name, run, 15_000);
});

it('reads what is to be paid by day, product, SKU and repository, to the last digit', async () => {
  books.costs = [
    cost('2026-11-02', '0.12345678901234567890', { repositoryName: 'demo/api' }),
    cost('2026-11-02', '1e-7', { repositoryName: 'demo/web' }),
    cost('2026-11-07', '0', { product: 'Git LFS', sku: 'Storage' }),
    cost('2026-10-31', '99'),
    cost('2026-11-08', '99'),
  ];
  const second = { from: new Date('2026-11-02T00:00:00Z'), to: new Date('2026-11-03T00:00:00Z') };
  const linux = { id: expect.any(String) as string, ...second, service: 'Actions Linux', finality: 'final' };
  expect(await source().read(period, { signal })).toEqual({
    ownCostUsd: '0',
    costs: [
      { ...linux, amountUsd: '0.1234567890123456789', project: 'demo/api' },
      { ...linux, amountUsd: '0.0000001', project: 'demo/web' },
      {
        id: expect.any(String) as string,
        from: new Date('2026-11-07T00:00:00Z'),
        to: new Date('2026-11-08T00:00:00Z'),
        service: 'Git LFS: Storage',
        amountUsd: '0',
        finality: 'estimate',
      },
    ],
  });
});

it('asks for each day, and for none that has not begun', async () => {
  now = new Date('2026-11-03T08:00:00Z');
  await read();
  const asked = books.asked.map(({ path, query }) => `${path}?${query.toString()}`);
  expect(asked).toEqual(
    [1, 2, 3].map((day) => `/organizations/demo/settings/billing/usage?year=2026&month=11&day=${day}`),
  );
});

it('reads what octokit reads', async () => {
  books.costs = [cost('2026-11-02', '0.06'), cost('2026-11-05', '1.25')];
  const octokit = new Octokit({ auth: TOKEN, baseUrl: books.url });
  const { data } = await octokit.rest.billing.getGithubBillingUsageReportOrg({ org: 'demo', year: 2026, month: 11 });
  const amounts = data.usageItems?.map(({ netAmount }) => netAmount);
  expect(amounts).toEqual([0.06, 1.25]);
  expect((await read()).map(({ amountUsd }) => Number(amountUsd))).toEqual(amounts);
});

it('reads the bill of a user', async () => {
  const users = await new GithubBooks(TOKEN, 'users/ada').start();
  try {
    users.costs = [cost('2026-11-02', '3', { product: 'Copilot', sku: 'Copilot Premium Request' })];
    const costs = await read({ organization: undefined, username: 'ada', baseUrl: users.url });
    expect(costs).toMatchObject([{ service: 'Copilot Premium Request', amountUsd: '3' }]);
  } finally {
    await users.stop();
  }
});

it('knows a row again whose amount was revised, and adds up what it does not tell apart', async () => {
  books.costs = [cost('2026-11-02', '1'), cost('2026-11-03', '2')];
  const before = await read();
  books.costs = [
    cost('2026-11-02', '1.5'),
    cost('2026-11-02', '0.25'),
    cost('2026-11-03', '2'),
    cost('2026-11-04', '1'),
  ];
  const after = await read();
  expect(after.map(({ amountUsd }) => amountUsd)).toEqual(['1.75', '2', '1']);
  expect(after.slice(0, 2).map(({ id }) => id)).toEqual(before.map(({ id }) => id));
});

it('takes days without costs for what they are', async () => {
  expect(await read()).toEqual([]);
});

it.each([403, 404] as const)('says which permission is missing when it is refused with %d', async (status) => {
  books.withoutRights = status;
  await expect(read()).rejects.toThrow(
    /status 40[34]: .*owner or billing manager of demo: .*organization permission "Administration" \(read\)/,
  );
  const { organization: _, ...user } = { organization: undefined, username: 'ada' };
  await expect(read({ organization: undefined, ...user })).rejects.toThrow(
    /one of ada: .*user permission "Plan" \(read\)/,
  );
});

it('shows no token, also when GitHub repeats it', async () => {
  secrets.DEMO_TOKEN = 'ghp_somebodys_token';
  const error: unknown = await read().catch((reason: unknown) => reason);
  expect(String(error)).toMatch(/status 401: Bad credentials: token \[secret\].*make one at/);
  expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('somebodys');
});

it('takes the token for bills before the common one, and sends neither to a server that is not GitHub’s', async () => {
  secrets = {};
  await expect(read()).rejects.toThrow('DEMO_TOKEN is not set');
  await expect(read({ tokenEnv: undefined })).rejects.toThrow(
    'name the environment variable of its token as "tokenEnv"',
  );
  expect(books.asked).toEqual([]);
  const asked: string[] = [];
  const context = { ...contextOf({}), secret: (name: string) => void asked.push(name) };
  const own = new GithubBilling(context, GithubBillingConfig.parse({ organization: 'demo' }));
  await expect(own.read(period, { signal })).rejects.toThrow('GITHUB_BILLING_TOKEN or GITHUB_TOKEN is not set');
  expect(asked).toEqual(['GITHUB_BILLING_TOKEN', 'GITHUB_TOKEN']);
});

const limit = (status: number, headers: Record<string, string>) => ({
  status,
  headers,
  body: { message: 'API rate limit exceeded' },
});

it('waits as long as it is told to when it is throttled, and repeats what was cut off or failed', async () => {
  books.costs = [cost('2026-11-02', '1')];
  const soon = String(Math.floor(Date.now() / 1000));
  const upsets = [
    limit(429, { 'retry-after': '0' }),
    limit(403, { 'retry-after': '0' }),
    limit(403, { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': soon }),
    undefined,
    'cut' as const,
    { status: 503, body: { message: 'Service unavailable' } },
  ];
  books.disturb((index) => upsets[index]);
  expect(await read()).toHaveLength(1);
  expect(books.asked).toHaveLength(7 + 5);
});

it('does not wait an hour for a limit to be renewed', async () => {
  const later = String(Math.floor(Date.now() / 1000) + 3600);
  books.disturb(() => limit(403, { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': later }));
  await expect(read()).rejects.toThrow(/status 403: API rate limit exceeded; not again for 3\d{3} s/);
  expect(books.asked).toHaveLength(1);
});

it('tells no rows when a later day cannot be had', async () => {
  books.costs = [cost('2026-11-01', '1')];
  books.disturb((index) => (index === 0 ? undefined : 'cut'));
  await expect(read()).rejects.toThrow(/cut off .*\(tried 4 times\)/);
  books.disturb((index) => (index === 0 ? undefined : { body: '<html>hello</html>' }));
  await expect(read()).rejects.toThrow('something else than JSON');
});

it('stops when it is told to', async () => {
  const stop = new AbortController();
  books.disturb((index) => {
    if (index < 2) return undefined;
    setImmediate(() => stop.abort(new Error('the service stops')));
    return 'hang';
  });
  await expect(source().read(period, { signal: stop.signal })).rejects.toThrow('the service stops');
});

it('wants to know whose bill it is', () => {
  for (const config of [{}, { organization: 'demo', username: 'ada' }])
    expect(plugin.config.safeParse(config).error?.issues[0]?.message).toContain('either "organization" or "username"');
  const make = (config: object) => plugin.capabilities.costSource!(contextOf({}), plugin.config.parse(config));
  expect(make({ username: 'ada' })).toMatchObject({
    provider: 'github',
    schedule: { everySeconds: 21_600, staleAfterSeconds: 259_200 },
  });
});
