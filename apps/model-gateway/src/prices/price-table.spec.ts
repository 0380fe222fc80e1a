import type { PriceRow } from '@purser/contracts';
import { DEFAULT_MODELS } from '../models/default-models.js';
import { Ladders } from '../models/ladders.js';
import { ModelsFile } from '../models/models-file.js';
import { PriceTable } from './price-table.js';
import { PriceWarnings } from './price-warnings.js';

const row = (inputPerMillionUsd: string, outputPerMillionUsd: string, more: Partial<PriceRow> = {}): PriceRow => ({
  inputPerMillionUsd,
  outputPerMillionUsd,
  source: 'spec',
  date: '2026-11-01',
  ...more,
});
const installed = {
  'openai/big': row('2', '8', { maxOutputTokens: 4_000, reasoning: true }),
  'openai/small': row('0.25', '2'),
  'openai/ears': { perMinuteUsd: '0.006', source: 'spec', date: '2026-11-01' },
};
const set = (model: string, price: PriceRow) => ({
  model,
  row: price,
  setBy: 'ada',
  setAt: '2026-11-28T10:00:00.000Z',
  reason: '',
});
const ladder = (tiers: object, table: PriceTable) => Ladders.from(ModelsFile.parse({ c: tiers }), { prices: table });

describe('the price of a tier', () => {
  it('is its own, else the row of the table, else not known', () => {
    const tiers = ladder(
      {
        tier_1_paid: { provider: 'openai', model: 'big', cost_per_1k_tokens: 0.01 },
        tier_2_paid: { provider: 'openai', model: 'big' },
        tier_3_paid: { provider: 'openai', model: 'none' },
        tier_4_free: { provider: 'openai', model: 'small' },
      },
      new PriceTable(installed),
    ).tiers;
    expect(tiers.map(({ name, free, price, priceRow }) => [name, free, price?.inputPerMillion, priceRow])).toEqual([
      ['tier_1_paid', false, 10_000_000_000n, 'models.json:c.tier_1_paid'],
      ['tier_2_paid', false, 2_000_000_000n, 'prices.json:openai/big@2026-11-01'],
      ['tier_3_paid', false, undefined, null],
      ['tier_4_free', true, 0n, null],
    ]);
  });

  it('comes with what the row knows of the model, where models.json is silent', () => {
    const [silent, told] = ladder(
      {
        tier_1_paid: { provider: 'openai', model: 'big' },
        tier_2_paid: { provider: 'openai', model: 'big', maxOutputTokens: 100, reasoning: false },
      },
      new PriceTable(installed),
    ).tiers;
    expect(silent).toMatchObject({ maxOutputTokens: 4_000, reasoning: true });
    expect(told).toMatchObject({ maxOutputTokens: 100, reasoning: false });
  });

  it('follows the table when a row is set, and the user’s file stands over the installed one', () => {
    const table = new PriceTable(installed, { 'openai/small': row('0.3', '2', { date: '2026-11-20' }) });
    const ladders = ladder({ tier_1_paid: { provider: 'openai', model: 'small' } }, table);
    const price = () => ladders.route('c')?.tiers.map(({ priceRow, price: one }) => [priceRow, one?.inputPerMillion]);
    expect(price()).toEqual([['prices.json:openai/small@2026-11-20', 300_000_000n]]);
    table.take([set('openai/small', row('0.4', '2'))]);
    ladders.reprice();
    expect(price()).toEqual([['set:openai/small@2026-11-28T10:00:00.000Z', 400_000_000n]]);
    table.take([]);
    ladders.reprice();
    expect(price()).toEqual([['prices.json:openai/small@2026-11-20', 300_000_000n]]);
  });

  it('makes a tier free when it is set to nothing', () => {
    const table = new PriceTable();
    table.take([set('local/llm', row('0', '0'))]);
    const [tier] = ladder({ tier_1_paid: { provider: 'local', model: 'llm' } }, table).tiers;
    expect(tier).toMatchObject({ free: true, priceRow: null });
  });
});

describe('a price that is probably mistyped', () => {
  const warnings = (tier: object, table = new PriceTable(installed), name = 'tier_1_paid') =>
    new PriceWarnings(table, ladder({ [name]: { provider: 'openai', ...tier } }, table)).all();

  it('is told with both figures and the likely mistake: a thousand times too low', () => {
    const price = { inputPerMillionUsd: '0.002', outputPerMillionUsd: '0.008' };
    expect(warnings({ model: 'big', price })).toEqual([
      'models.json:c.tier_1_paid says $0.0020 per million input tokens, and prices.json:openai/big@2026-11-01 says $2.00. That is 1,000 times less. Was a price per 1,000 tokens written where one per million belongs?',
      'models.json:c.tier_1_paid says $0.0080 per million output tokens, and prices.json:openai/big@2026-11-01 says $8.00. That is 1,000 times less. Was a price per 1,000 tokens written where one per million belongs?',
    ]);
  });

  it.each([
    [
      'too high, per million for per 1,000',
      { model: 'big', cost_per_1k_tokens: 8 },
      /1,000 times more.*cost_per_1k_tokens/,
    ],
    [
      'per token for per million',
      { model: 'big', price: { inputPerMillionUsd: '0.000002', outputPerMillionUsd: '8' } },
      /1,000,000 times less. Was a price per token written/,
    ],
    [
      'a slip of the decimal point',
      { model: 'big', price: { inputPerMillionUsd: '2', outputPerMillionUsd: '0.08' } },
      /\$0\.08 per million output tokens.*100 times less. Is a digit or the decimal point wrong/,
    ],
    [
      'by the minute',
      { model: 'ears', cost_per_minute: 6 },
      /\$6\.00 per minute.*\$0\.0060\. That is 1,000 times more/,
    ],
    [
      'half of a price',
      { model: 'big', price: { inputPerMillionUsd: 2, outputPerMillionUsd: 0 } },
      /Is the zero meant/,
    ],
    ['a paid tier for nothing', { model: 'other', cost_per_1k_tokens: 0 }, /costs nothing, but openai is paid/],
  ])('%s', (_what, tier, said) => {
    expect(warnings(tier).join('\n')).toMatch(said);
  });

  it.each([
    ['another contract', { model: 'big', price: { inputPerMillionUsd: '0.2', outputPerMillionUsd: '80' } }],
    ['one figure between input and output', { model: 'small', cost_per_1k_tokens: 0.001 }],
    ['a model that nobody else prices', { model: 'other', cost_per_1k_tokens: 50 }],
    ['no price of its own', { model: 'big' }],
  ])('is not: %s', (_what, tier) => {
    expect(warnings(tier)).toEqual([]);
  });

  it('is not a zero of a tier that is called free, or at a provider that takes no money', () => {
    expect(warnings({ model: 'big', cost_per_1k_tokens: 0 }, undefined, 'tier_3_free')).toEqual([]);
    expect(warnings({ provider: 'ollama', model: 'llama', cost_per_1k_tokens: 0 })).toEqual([]);
  });

  it('is also found in rows of the user’s file and in rows that were set', () => {
    const table = new PriceTable(installed, { 'openai/small': row('250', '2000') });
    table.take([set('openai/big', row('0', '0'))]);
    const [zero, ...others] = warnings({ model: 'none' }, table);
    expect(others).toHaveLength(4);
    expect(zero).toMatch(/^set:openai\/big@.* says \$0\.00 per million input tokens/);
    expect(others.join('\n')).toMatch(/set:openai\/big.* costs nothing, but openai is paid/);
    expect(others.join('\n')).toMatch(/prices\.json:openai\/small.* says \$250\.00 .* 1,000 times more/);
  });

  it('is none of those that Purser brings', () => {
    expect(new PriceWarnings(new PriceTable(), Ladders.from(DEFAULT_MODELS)).all()).toEqual([]);
  });
});
