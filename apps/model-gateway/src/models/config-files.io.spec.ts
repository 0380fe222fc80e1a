import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { INSTALLED_PRICES, readPricesFile } from '../prices/prices-file.js';
import { PriceTable } from '../prices/price-table.js';
import { PriceWarnings } from '../prices/price-warnings.js';
import { readPriceTable } from '../prices/read-price-table.js';
import { modelsFileSchema, pluginsFileSchema, pricesFileSchema } from './config-schemas.js';
import { DEFAULT_MODELS } from './default-models.js';
import { Ladders } from './ladders.js';
import { readModelsFile } from './models-file.js';
import { DEFAULT_PLUGINS } from './plugin-loader.js';
import { readLadders } from './read-ladders.js';

const committed = async (name: string): Promise<Record<string, unknown>> =>
  JSON.parse(await readFile(join(process.cwd(), 'config', name), 'utf8')) as Record<string, unknown>;

it('has the defaults in config/', async () => {
  expect(await committed('models.json')).toEqual({ $schema: './schemas/models.schema.json', ...DEFAULT_MODELS });
  expect(await committed('plugins.json')).toEqual({
    $schema: './schemas/plugins.schema.json',
    plugins: DEFAULT_PLUGINS,
  });
  expect(await committed('prices.json')).toEqual({ $schema: './schemas/prices.schema.json' });
});

it('has current schemas in config/schemas/', async () => {
  const written = (schema: object): unknown => JSON.parse(JSON.stringify(schema));
  expect(await committed('schemas/models.schema.json')).toEqual(written(modelsFileSchema()));
  expect(await committed('schemas/plugins.schema.json')).toEqual(written(pluginsFileSchema()));
  expect(await committed('schemas/prices.schema.json')).toEqual(written(pricesFileSchema()));
});

describe('the prices that come with Purser', () => {
  let rows: Awaited<ReturnType<typeof readPricesFile>>;
  beforeAll(async () => {
    expect(INSTALLED_PRICES).toBe(join(process.cwd(), 'apps', 'model-gateway', 'prices.json'));
    rows = await readPricesFile(INSTALLED_PRICES);
  });

  it('are of the providers that Purser knows, each with an address and a day', () => {
    const providers = new Set(Object.keys(rows ?? {}).map((model) => model.split('/')[0]));
    expect(providers).toEqual(new Set(['openai', 'anthropic', 'huggingface', 'google-speech']));
    for (const { source, date } of Object.values(rows ?? {})) {
      expect(source).toMatch(/^https:\/\//);
      expect(Date.parse(date)).toBeGreaterThan(Date.parse('2026-01-01'));
    }
  });

  it('agree with those of the ladders of a fresh installation', () => {
    const table = new PriceTable(rows);
    const ladders = Ladders.from(DEFAULT_MODELS, { prices: table });
    expect(new PriceWarnings(table, ladders).all()).toEqual([]);
    for (const { provider, model, price } of ladders.ownPrices)
      expect(table.find(provider, model)?.price).toMatchObject(price);
  });
});

describe('the prices of a configuration folder', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'purser-prices-'));
    await cp('config', folder, { recursive: true });
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('are those that come with Purser, as long as nobody writes any', async () => {
    const table = await readPriceTable(folder);
    expect(new Set(table.all.map(({ from }) => from))).toEqual(new Set(['installed']));
    await rm(join(folder, 'prices.json'));
    expect((await readPriceTable(folder)).all).toEqual(table.all);
  });

  it('stand over them and are measured by them', async () => {
    const row = { inputPerMillionUsd: '0.00025', outputPerMillionUsd: '2', source: 'mine', date: '2026-11-28' };
    await writeFile(join(folder, 'prices.json'), JSON.stringify({ 'openai/gpt-5-mini': row }));
    const table = await readPriceTable(folder);
    expect(table.byRef('openai/gpt-5-mini')).toMatchObject({ from: 'file', row });
    expect(table.byRef('openai/gpt-5')).toMatchObject({ from: 'installed' });
    const ladders = await readLadders(folder, table);
    expect(new PriceWarnings(table, ladders).all().join()).toMatch(
      /openai\/gpt-5-mini@2026-11-28 says .* 1,000 times less/,
    );
  });
});

describe('readModelsFile', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'purser-models-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('has nothing to say about a file that is not there', async () => {
    expect(await readModelsFile(join(folder, 'none.json'))).toBeUndefined();
  });

  it('names the file and the field', async () => {
    const file = join(folder, 'models.json');
    await writeFile(file, '{"chat": {"tier_1_paid": {"provider": "openai"}}}');
    await expect(readModelsFile(file)).rejects.toMatchObject({
      code: 'invalid_request',
      message: expect.stringContaining(`${file}: chat.tier_1_paid.model`) as unknown,
    });
    await writeFile(file, '{');
    await expect(readModelsFile(file)).rejects.toThrow(`${file} is not JSON`);
  });

  it('overlooks the schema it points to', async () => {
    const file = join(folder, 'with-schema.json');
    await writeFile(file, JSON.stringify({ $schema: 'x', chat: DEFAULT_MODELS.general_chat }));
    expect(Object.keys((await readModelsFile(file)) ?? {})).toEqual(['chat']);
  });

  it('takes a strategy for all or by capability, and names what it is not', async () => {
    const file = join(folder, 'models.json');
    const read = async ($strategy: unknown) => {
      await writeFile(file, JSON.stringify({ $strategy, chat: DEFAULT_MODELS.general_chat }));
      const ladders = await readLadders(folder);
      return ['chat', null].map((capability) => ladders.strategyFor(capability));
    };
    expect(await read(undefined)).toEqual(['quality-first', 'quality-first']);
    expect(await read('stretch')).toEqual(['stretch', 'stretch']);
    expect(await read({ chat: 'cheapest' })).toEqual(['cheapest', 'quality-first']);
    await expect(read('dearest')).rejects.toThrow(`${file}: $strategy: "quality-first", "cheapest" or "stretch"`);
    await expect(read({ caht: 'cheapest' })).rejects.toThrow('$strategy.caht: there is no such capability');
  });
});
