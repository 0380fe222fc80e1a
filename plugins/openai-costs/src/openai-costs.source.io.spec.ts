import type { CostSource, PluginContext } from '@purser/plugin-sdk';
import { costSourceChecks } from '@purser/plugin-sdk/testing';
import { OpenAiBooks, type OpenAiCost } from '@purser/testing';
import OpenAI from 'openai';
import { OpenAiCostsConfig } from './config.js';
import plugin from './index.js';
import { OpenAiCosts } from './openai-costs.source.js';

const KEY = 'sk-admin-demo-key';
const period = { from: new Date('2026-11-01T00:00:00Z'), to: new Date('2026-11-08T00:00:00Z') };
const { signal } = new AbortController();

const contextOf = (secrets: Record<string, string | undefined>): PluginContext => ({
  logger: { debug() {}, info() {}, warn() {}, error() {} },
  secret: (name) => secrets[name],
  signal,
});

let books: OpenAiBooks;
let secrets: Record<string, string | undefined>;
const now = new Date('2026-11-12T00:00:00Z');
const source = (more: object = {}): CostSource =>
  new OpenAiCosts(
    contextOf(secrets),
    OpenAiCostsConfig.parse({ baseUrl: `${books.url}/v1`, adminKeyEnv: 'DEMO_KEY', ...more }),
    () => now,
  );
const read = async (more?: object) => (await source(more).read(period, { signal })).costs;

beforeEach(async () => {
  books = await new OpenAiBooks(KEY).start();
  secrets = { DEMO_KEY: KEY };
});
afterEach(() => books.stop());

const cost = (day: string, amount: string, more: Partial<OpenAiCost> = {}): OpenAiCost => ({
  day,
  amount,
  lineItem: 'gpt-5-mini-2025-08-07, input',
  projectId: 'proj_a',
  ...more,
});

const slower = { status: 429, headers: { 'retry-after': '0' }, body: { error: { message: 'Too many requests' } } };
const broken = { status: 500, headers: { 'retry-after': '0' }, body: 'broken' };

describe('the conformance checks', () => {
  const checks = costSourceChecks({
    open: () => {
      books.daysPerPage = 3;
      return Promise.resolve({
        source: source(),
        close: () => Promise.resolve(),
        books: {
          write: (rows) => {
            books.steady();
            books.currency = 'usd';
            books.costs = rows.map(({ day, service, amountUsd }) => cost(day, amountUsd, { lineItem: service }));
          },
          inCurrency: (code) => void (books.currency = code.toLowerCase()),
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

it('reads costs by day, line item and project, to the last digit', async () => {
  books.costs = [
    cost('2026-11-02', '0.12345678901234567890'),
    cost('2026-11-02', '1.5e-7', { projectId: 'proj_b' }),
    cost('2026-11-07', '12', { lineItem: 'web search tool calls | gpt-5', projectId: null }),
    cost('2026-10-31', '99'),
    cost('2026-11-08', '99'),
  ];
  const row = { service: 'gpt-5-mini-2025-08-07, input', model: 'gpt-5-mini-2025-08-07' };
  const second = { from: new Date('2026-11-02T00:00:00Z'), to: new Date('2026-11-03T00:00:00Z') };
  expect(await source().read(period, { signal })).toEqual({
    ownCostUsd: '0',
    costs: [
      {
        id: expect.any(String) as string,
        ...second,
        ...row,
        amountUsd: '0.1234567890123456789',
        project: 'proj_a',
        finality: 'final',
      },
      {
        id: expect.any(String) as string,
        ...second,
        ...row,
        amountUsd: '0.00000015',
        project: 'proj_b',
        finality: 'final',
      },
      {
        id: expect.any(String) as string,
        from: new Date('2026-11-07T00:00:00Z'),
        to: new Date('2026-11-08T00:00:00Z'),
        service: 'web search tool calls | gpt-5',
        amountUsd: '12',
        finality: 'estimate',
      },
    ],
  });
});

it('reads amounts that are sent as text as well, and OpenAI’s long zeros', async () => {
  books.costs = [cost('2026-11-02', '12.50'), cost('2026-11-03', '0E-6176')];
  books.amountsAs = 'string';
  expect((await read()).map(({ amountUsd }) => amountUsd)).toEqual(['12.5', '0']);
});

it('reads what OpenAI’s own client reads', async () => {
  books.costs = [
    cost('2026-11-02', '0.06'),
    cost('2026-11-05', '1.25'),
    cost('2026-11-05', '2', { projectId: 'proj_b' }),
  ];
  books.daysPerPage = 2;
  const client = new OpenAI({ adminAPIKey: KEY, apiKey: 'sk-none', baseURL: `${books.url}/v1`, maxRetries: 0 });
  const amounts: (number | undefined)[] = [];
  let page: string | undefined;
  do {
    const answer = await client.admin.organization.usage.costs({
      start_time: period.from.getTime() / 1000,
      end_time: period.to.getTime() / 1000,
      group_by: ['line_item', 'project_id'],
      ...(page === undefined ? {} : { page }),
    });
    for (const { results } of answer.data)
      for (const result of results) if ('amount' in result) amounts.push(result.amount?.value);
    page = answer.next_page ?? undefined;
  } while (page !== undefined);
  expect(amounts).toEqual([0.06, 1.25, 2]);
  expect((await read()).map(({ amountUsd }) => Number(amountUsd))).toEqual(amounts);
});

it('reads over all pages of days, also a long time', async () => {
  books.daysPerPage = 2;
  books.costs = ['01', '03', '05', '07'].map((day) => cost(`2026-11-${day}`, '1'));
  expect(await read()).toHaveLength(4);
  expect(books.asked).toHaveLength(4);
});

it('knows a row again whose amount was revised, and sees what came late', async () => {
  books.costs = [cost('2026-11-02', '1'), cost('2026-11-03', '2')];
  const before = await read();
  books.costs = [cost('2026-11-02', '1.75'), cost('2026-11-02', '4', { projectId: 'late' }), cost('2026-11-03', '2')];
  const after = await read();
  expect(after.find(({ id }) => id === before[0]?.id)?.amountUsd).toBe('1.75');
  expect(after.find(({ id }) => id === before[1]?.id)?.amountUsd).toBe('2');
  expect(after).toHaveLength(3);
});

it('takes days without costs for what they are', async () => {
  expect(await read()).toEqual([]);
});

it('refuses another currency by its name', async () => {
  books.costs = [cost('2026-11-02', '1')];
  books.currency = 'eur';
  await expect(read()).rejects.toThrow('OpenAI’s organization costs are in EUR, and Purser counts US dollars alone');
});

it('says which key is needed when it is refused, and shows none', async () => {
  secrets.DEMO_KEY = 'sk-proj-ordinary-key';
  const error: unknown = await read().catch((reason: unknown) => reason);
  expect(String(error)).toContain('Only an admin key (sk-admin-...)');
  expect(String(error)).toContain('[secret]');
  expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('ordinary');
  secrets.DEMO_KEY = KEY;
  books.withoutRights = true;
  await expect(read()).rejects.toThrow(/status 403: .*Missing scopes.*lacks the right to read usage/);
});

it('says which variable is missing, and sends no key to a server that is not OpenAI’s unless it is named for it', async () => {
  secrets = { OPENAI_ADMIN_KEY: KEY };
  await expect(read()).rejects.toThrow('DEMO_KEY is not set');
  await expect(read({ adminKeyEnv: undefined })).rejects.toThrow('name the environment variable of its admin key');
  expect(books.asked).toEqual([]);
});

it('waits as long as it is told to when it is throttled, and repeats what was cut off', async () => {
  books.costs = [cost('2026-11-02', '1')];
  books.disturb((index) => [slower, 'cut' as const, { status: 502, body: 'bad gateway' }][index]);
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
  books.disturb(() => ({ body: { data: [], has_more: true, next_page: 'page_1' } }));
  await expect(read()).rejects.toThrow('never end');
});

it('says when the answer is none', async () => {
  books.disturb(() => ({ body: '<html>hello</html>' }));
  await expect(read()).rejects.toThrow('something else than JSON; is baseUrl right?');
  books.disturb(() => ({ body: { data: [{ start_time: 1, end_time: 2, results: [{}] }], has_more: false } }));
  await expect(read()).rejects.toThrow(/form that is not known.*\n.*amount/);
});

it('stops when it is told to', async () => {
  const stop = new AbortController();
  books.disturb(() => {
    setImmediate(() => stop.abort(new Error('the service stops')));
    return 'hang';
  });
  await expect(source().read(period, { signal: stop.signal })).rejects.toThrow('the service stops');
});

it('is OpenAI’s, and asked four times an hour, unless told otherwise', () => {
  const make = (config: object) => plugin.capabilities.costSource!(contextOf({}), plugin.config.parse(config));
  expect(make({})).toMatchObject({ provider: 'openai', schedule: { everySeconds: 900, staleAfterSeconds: 259_200 } });
  expect(make({ provider: 'work', everySeconds: 604_800 })).toMatchObject({
    provider: 'work',
    schedule: { everySeconds: 604_800, staleAfterSeconds: 604_800 },
  });
});
