import { type CostSource, plainDecimal, type PluginContext } from '@purser/plugin-sdk';
import { costSourceChecks } from '@purser/plugin-sdk/testing';
import { AnthropicBooks, type AnthropicCost } from '@purser/testing';
import { AnthropicCosts } from './anthropic-costs.source.js';
import { AnthropicCostsConfig } from './config.js';
import plugin from './index.js';

const KEY = 'sk-ant-admin01-demo';
const period = { from: new Date('2026-11-01T00:00:00Z'), to: new Date('2026-11-08T00:00:00Z') };
const { signal } = new AbortController();

const contextOf = (secrets: Record<string, string | undefined>): PluginContext => ({
  logger: { debug() {}, info() {}, warn() {}, error() {} },
  secret: (name) => secrets[name],
  signal,
});

let books: AnthropicBooks;
let secrets: Record<string, string | undefined>;
const now = new Date('2026-11-12T00:00:00Z');
const source = (more: object = {}): CostSource =>
  new AnthropicCosts(
    contextOf(secrets),
    AnthropicCostsConfig.parse({ baseUrl: books.url, adminKeyEnv: 'DEMO_KEY', ...more }),
    () => now,
  );
const read = async (more?: object) => (await source(more).read(period, { signal })).costs;

beforeEach(async () => {
  books = await new AnthropicBooks(KEY).start();
  secrets = { DEMO_KEY: KEY };
});
afterEach(() => books.stop());

const cost = (day: string, cents: string, more: Partial<AnthropicCost> = {}): AnthropicCost => ({
  day,
  cents,
  description: 'Claude Sonnet 4.5 Usage - Output Tokens',
  model: 'claude-sonnet-4-5',
  ...more,
});

const slower = { status: 429, headers: { 'retry-after': '0' }, body: { error: { message: 'Too many requests' } } };
const broken = { status: 500, headers: { 'retry-after': '0' }, body: 'broken' };

describe('the conformance checks', () => {
  const cents = (dollars: string) => plainDecimal(`${plainDecimal(dollars)}e2`);
  const checks = costSourceChecks({
    open: () => {
      books.daysPerPage = 3;
      return Promise.resolve({
        source: source(),
        close: () => Promise.resolve(),
        books: {
          write: (rows) => {
            books.steady();
            books.currency = 'USD';
            books.costs = rows.map((row) => cost(row.day, cents(row.amountUsd), { description: row.service }));
          },
          inCurrency: (code) => void (books.currency = code),
          refuse: () => books.disturb(() => ({ status: 401, body: { error: { message: `no ${KEY}` } } })),
          throttleOnce: () => books.disturb((index) => (index === 0 ? slower : undefined)),
          breakAfterFirstPage: () => books.disturb((index) => (index === 0 ? undefined : broken)),
          hang: () => books.disturb(() => 'hang'),
        },
      });
    },
    secrets: [KEY],
  });
  for (const { name, run } of checks) it(name, run, 15_000);
});

it('reads cents as cents, by day, description and workspace', async () => {
  books.costs = [
    cost('2026-11-02', '123.45'),
    cost('2026-11-02', '41280.000000', { workspaceId: 'wrkspc_a' }),
    cost('2026-11-07', '0.000000015', { description: 'Web Search Usage', model: null }),
    cost('2026-10-31', '9900'),
    cost('2026-11-08', '9900'),
  ];
  const row = { service: 'Claude Sonnet 4.5 Usage - Output Tokens', model: 'claude-sonnet-4-5', finality: 'final' };
  const second = { from: new Date('2026-11-02T00:00:00Z'), to: new Date('2026-11-03T00:00:00Z') };
  expect(await source().read(period, { signal })).toEqual({
    ownCostUsd: '0',
    costs: [
      { id: expect.any(String) as string, ...second, ...row, amountUsd: '1.2345' },
      { id: expect.any(String) as string, ...second, ...row, amountUsd: '412.8', project: 'wrkspc_a' },
      {
        id: expect.any(String) as string,
        from: new Date('2026-11-07T00:00:00Z'),
        to: new Date('2026-11-08T00:00:00Z'),
        service: 'Web Search Usage',
        amountUsd: '0.00000000015',
        finality: 'estimate',
      },
    ],
  });
});

it('asks as Anthropic wants to be asked', async () => {
  await read();
  expect(books.asked).toHaveLength(1);
  expect(books.asked[0]?.headers).toMatchObject({ 'x-api-key': KEY, 'anthropic-version': '2023-06-01' });
  expect(books.asked[0]?.query.getAll('group_by[]')).toEqual(['description', 'workspace_id']);
});

it('reads over all pages of days', async () => {
  books.daysPerPage = 2;
  books.costs = ['01', '03', '05', '07'].map((day) => cost(`2026-11-${day}`, '1'));
  expect((await read()).map(({ from }) => from.getUTCDate())).toEqual([1, 3, 5, 7]);
  expect(books.asked).toHaveLength(4);
});

it('knows a row again whose amount was revised, and adds up what it does not tell apart', async () => {
  books.costs = [cost('2026-11-02', '100'), cost('2026-11-03', '200')];
  const before = await read();
  books.costs = [
    cost('2026-11-02', '150'),
    cost('2026-11-03', '200'),
    cost('2026-11-03', '0.5'),
    cost('2026-11-04', '1'),
  ];
  const after = await read();
  expect(after.map(({ amountUsd }) => amountUsd)).toEqual(['1.5', '2.005', '0.01']);
  expect(after.slice(0, 2).map(({ id }) => id)).toEqual(before.map(({ id }) => id));
});

it('takes days without costs for what they are', async () => {
  expect(await read()).toEqual([]);
});

it('refuses another currency by its name', async () => {
  books.costs = [cost('2026-11-02', '1')];
  books.currency = 'JPY';
  await expect(read()).rejects.toThrow('Anthropic’s reported costs are in JPY');
});

it('says which key is needed when it is refused, and shows none', async () => {
  secrets.DEMO_KEY = 'sk-ant-api03-somebody';
  const error: unknown = await read().catch((reason: unknown) => reason);
  expect(String(error)).toMatch(/status 401: invalid x-api-key: \[secret\]\. Only an admin key \(sk-ant-admin\.\.\.\)/);
  expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('somebody');
  secrets.DEMO_KEY = KEY;
  books.withoutRights = true;
  await expect(read()).rejects.toThrow(/status 403: .*lacks the permission.*Only an admin key/);
});

it('says which variable is missing, and sends no key to a server that is not Anthropic’s unless it is named for it', async () => {
  secrets = { ANTHROPIC_ADMIN_KEY: KEY };
  await expect(read()).rejects.toThrow('DEMO_KEY is not set');
  await expect(read({ adminKeyEnv: undefined })).rejects.toThrow('name the environment variable of its admin key');
  expect(books.asked).toEqual([]);
});

it('waits as long as it is told to when it is throttled, and repeats what was cut off or overloaded', async () => {
  books.costs = [cost('2026-11-02', '1')];
  books.disturb(
    (index) => [slower, 'cut' as const, { status: 529, body: { error: { message: 'Overloaded' } } }][index],
  );
  expect(await read()).toHaveLength(1);
  expect(books.asked).toHaveLength(4);
});

it('tells no rows when a later page cannot be had', async () => {
  books.daysPerPage = 2;
  books.costs = [cost('2026-11-02', '1')];
  books.disturb((index) =>
    index === 0 ? undefined : { status: 500, headers: { 'retry-after': '0' }, body: 'broken' },
  );
  await expect(read()).rejects.toThrow(/status 500: broken \(tried 4 times\)/);
  books.disturb(() => ({ body: { data: [], has_more: true, next_page: null } }));
  await expect(read()).rejects.toThrow('have more pages, but do not say where');
});

it('stops when it is told to', async () => {
  const stop = new AbortController();
  books.disturb(() => {
    setImmediate(() => stop.abort(new Error('the service stops')));
    return 'hang';
  });
  await expect(source().read(period, { signal: stop.signal })).rejects.toThrow('the service stops');
});

it('is Anthropic’s, and asked four times an hour, unless told otherwise', () => {
  const make = (config: object) => plugin.capabilities.costSource!(contextOf({}), plugin.config.parse(config));
  expect(make({})).toMatchObject({
    provider: 'anthropic',
    schedule: { everySeconds: 900, staleAfterSeconds: 259_200 },
  });
});
