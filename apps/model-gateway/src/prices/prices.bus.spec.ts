import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type PriceRow, pricesImport, pricesList, pricesSet, type Spend } from '@purser/contracts';
import { formatUsd } from '@purser/money';
import type { RunningService } from '@purser/service';
import { eventually } from '@purser/testing';
import { FREE, hello, MODELS, openWorld, PAID, type World } from '../gateway.fixture.js';
import { start } from '../index.js';

jest.setTimeout(60_000);

/** As the model server bills PAID. */
const figures = { inputPerMillionUsd: '1', cachedPerMillionUsd: '0.1', outputPerMillionUsd: '10' };
const row = (more: Partial<PriceRow> = {}): PriceRow => ({
  ...figures,
  source: 'spec',
  date: '2026-11-01',
  ...more,
});
const LADDERS = {
  ...MODELS,
  tabled: { tier_1_paid: { provider: 'openai', model: PAID } },
  unknown: { tier_1_paid: { provider: 'second', model: PAID } },
  mistyped: { tier_1_paid: { provider: 'openai', model: PAID, cost_per_1k_tokens: 10 } },
  // A local model under a paid tier's name, at a price of nothing.
  local: { tier_1: { provider: 'ollama', model: FREE, cost_per_1k_tokens: 0 } },
  by_minute: { tier_1_paid: { provider: 'openai', model: PAID, cost_per_minute: '0.006' } },
};

let world: World;
let second: RunningService;
let startedAt: string;

beforeAll(async () => {
  world = await openWorld();
  await world.restart(async () => {
    const plugins = [
      { use: '@purser/openai' },
      {
        use: '@purser/openai',
        name: 'second',
        config: { baseUrl: world.models.openaiBaseUrl, apiKeyEnv: 'OPENAI_API_KEY' },
      },
      { use: '@purser/ollama' },
    ];
    await writeFile(join(world.home, 'models.json'), JSON.stringify(LADDERS));
    await writeFile(join(world.home, 'plugins.json'), JSON.stringify({ plugins }));
    await writeFile(
      join(world.home, 'prices.json'),
      JSON.stringify({ [`openai/${PAID}`]: row({ maxOutputTokens: 700 }) }),
    );
  });
  second = await start(world.env);
  await eventually(() => world.watchdog.beat().then(() => world.watchdog.mustHaveRead()));
});
afterAll(async () => {
  await second?.close();
  await world.close();
});
beforeEach(() => {
  startedAt = new Date().toISOString();
});

const ask = async (model: string, url = world.gateway.url) => {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${world.adminKey}` },
    body: JSON.stringify(hello(model)),
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
};
const spendOf = (callId: string | null): Promise<Spend> =>
  eventually(() => {
    const spend = world.watchdog.spends.find((one) => one.callId === callId);
    if (!spend) throw new Error('not settled yet');
    return spend;
  });

describe('what the ledger is told', () => {
  it.each([
    ['code_generation', 'models.json:code_generation.tier_1_paid'],
    ['tabled', `prices.json:openai/${PAID}@2026-11-01`],
    [FREE, null],
    ['local', null],
  ])('of a call for %s is which row of prices its amount follows', async (model, priceRow) => {
    const { status, headers } = await ask(model);
    expect(status).toBe(200);
    const spend = await spendOf(headers.get('x-request-id'));
    expect(spend.priceRow).toBe(priceRow);
    const billed = world.models.calls.at(-1)?.billedNano ?? 0n;
    expect(spend.amountUsd).toBe(formatUsd(priceRow === null ? 0n : billed));
  });
});

it('takes the output limit of a model from its row', async () => {
  expect((await ask('tabled')).headers.get('x-purser-max-tokens-set')).toBe('700');
});

it('refuses a call for want of a price, says how to give one, and takes it on every gateway', async () => {
  const before = await ask('unknown');
  expect(before.status).toBe(503);
  expect(before.text).toContain(`purser prices set second/${PAID} --input 1.25 --output 10`);
  const { price, warnings } = await world.bus.call(pricesSet, {
    model: `second/${PAID}`,
    price: row(),
    by: 'ada',
    reason: 'the new contract',
  });
  expect(warnings).toEqual([]);
  expect(price).toMatchObject({ from: 'set', setBy: 'ada', reason: 'the new contract', price: row() });
  expect(Date.parse(price.setAt ?? '')).toBeGreaterThanOrEqual(Date.parse(startedAt));
  for (const url of [world.gateway.url, second.url]) {
    const after = await eventually(async () => {
      const answer = await ask('unknown', url);
      expect(answer.status).toBe(200);
      return answer;
    });
    expect(await spendOf(after.headers.get('x-request-id'))).toMatchObject({ priceRow: price.priceRow });
  }
  await world.restart();
  expect((await ask('unknown')).status).toBe(200);
});

it('does not take a price by the minute for one by the token', async () => {
  expect(await ask('by_minute')).toMatchObject({
    status: 503,
    text: expect.stringContaining('purser prices set') as string,
  });
});

it('lists rows with their sources, and warns of what looks mistyped', async () => {
  const { prices, warnings } = await world.bus.call(pricesList, { provider: 'openai', model: 'demo' });
  expect(prices).toEqual([
    {
      model: `openai/${PAID}`,
      priceRow: `prices.json:openai/${PAID}@2026-11-01`,
      from: 'file',
      setBy: null,
      setAt: null,
      reason: null,
      price: row({ maxOutputTokens: 700 }),
    },
  ]);
  expect(warnings.join('\n')).toMatch(
    /models\.json:mistyped\.tier_1_paid says \$10000\.00 per million .* says \$10\.00\. That is 1,000 times more/,
  );
  const installed = await world.bus.call(pricesList, { model: 'gpt-5-mini' });
  expect(installed.prices.find(({ model }) => model === 'openai/gpt-5-mini')).toMatchObject({ from: 'installed' });
});

it('warns of a row that is set a thousand times too low, and takes it nevertheless', async () => {
  const price = row({ inputPerMillionUsd: '0.00025', cachedPerMillionUsd: '0.000025', outputPerMillionUsd: '0.002' });
  const { warnings } = await world.bus.call(pricesSet, { model: 'openai/gpt-5-mini', price });
  expect(warnings).toHaveLength(2);
  expect(warnings[0]).toMatch(
    /\$0\.000250 per million input tokens.*\$0\.25\. That is 1,000 times less\. Was a price per 1,000/,
  );
  const { prices } = await world.bus.call(pricesList, { model: 'openai/gpt-5-mini' });
  expect(prices).toMatchObject([{ from: 'set', price }]);
  // Back to where it was: the row that is set now is measured by the one before and the installed one.
  const back = row({ inputPerMillionUsd: '0.25', outputPerMillionUsd: '2' });
  expect((await world.bus.call(pricesSet, { model: 'openai/gpt-5-mini', price: back })).warnings.join()).toMatch(
    /1,000 times more/,
  );
});

it('imports the community table: first to look, then in earnest', async () => {
  const table = {
    sample_spec: { litellm_provider: 'one of', mode: 'one of' },
    [PAID]: { litellm_provider: 'vendor', mode: 'chat', input_cost_per_token: 2e-6, output_cost_per_token: 2e-5 },
    'vendor/new': { litellm_provider: 'vendor', mode: 'chat', input_cost_per_token: 5e-7, output_cost_per_token: 1e-6 },
    gone: { litellm_provider: 'vendor', mode: 'rerank' },
    other: { litellm_provider: 'elsewhere', mode: 'chat', input_cost_per_token: 1 },
  };
  const request = { table, providers: { vendor: 'second' }, by: 'ada' };
  const rows = async () => (await world.bus.call(pricesList, { provider: 'second' })).prices;
  const before = await rows();
  const looked = await world.bus.call(pricesImport, { ...request, dryRun: true });
  expect(looked).toMatchObject({
    dryRun: true,
    added: [{ model: 'second/new', price: { inputPerMillionUsd: '0.5', outputPerMillionUsd: '1' } }],
    changed: [
      { model: `second/${PAID}`, before: figures, price: { inputPerMillionUsd: '2', outputPerMillionUsd: '20' } },
    ],
    unchanged: 0,
    warnings: [],
  });
  expect(looked.skipped.map(({ why, rows: count }) => [why, count])).toEqual([
    ['of a provider that was not asked for', 2],
    ['a model for rerank', 1],
  ]);
  expect(await rows()).toEqual(before);

  expect(await world.bus.call(pricesImport, request)).toEqual({ ...looked, dryRun: false });
  expect((await rows()).map(({ model, setBy, price }) => [model, setBy, price.inputPerMillionUsd])).toEqual([
    [`second/${PAID}`, 'ada', '2'],
    ['second/new', 'ada', '0.5'],
  ]);
  expect(await world.bus.call(pricesImport, request)).toMatchObject({ added: [], changed: [], unchanged: 2 });
});

it('never blocks a local model that costs nothing, whatever is used up', async () => {
  world.watchdog.setBudget({ id: 'all', period: 'total', limitUsd: '0' });
  world.watchdog.setBudget({ id: 'vendor', period: 'total', limitUsd: '0', scope: { provider: 'ollama' } });
  world.watchdog.setBudget({ id: 'key', period: 'total', limitUsd: '0', scope: { key: 'admin' } });
  world.watchdog.setBudget({ id: 'hard', period: 'total', limitUsd: '0', onExhausted: 'block' });
  await world.watchdog.beat();
  // That the budgets are in force is seen at a tier that costs.
  await eventually(async () => expect((await ask('tabled')).status).toBe(402));
  const asked = world.watchdog.asked.length;
  for (const model of ['local', FREE]) {
    const { status, headers } = await ask(model);
    expect(status).toBe(200);
    expect(headers.get('x-purser-cost-usd')).toBe('0.00');
    expect(await spendOf(headers.get('x-request-id'))).toMatchObject({
      amountUsd: '0.00',
      holdUsd: '0.00',
      windows: [],
    });
  }
  expect(world.watchdog.asked.length).toBe(asked);
});
