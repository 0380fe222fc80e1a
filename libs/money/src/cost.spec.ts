import { cost, parseUsd, type Price, priceFromCostPer1k, priceFromUsd } from './index.js';

it('rounds a cost up once', () => {
  const price = priceFromUsd({ inputPerMillionUsd: '0.000001', outputPerMillionUsd: '0.000001' });
  expect(cost(price, { inputTokens: 1, cachedTokens: 0, outputTokens: 1 })).toBe(1n);
  expect(cost(price, { inputTokens: 0, cachedTokens: 0, outputTokens: 0 })).toBe(0n);
  const byMinute = priceFromUsd({
    inputPerMillionUsd: '0.000001',
    outputPerMillionUsd: '0',
    perMinuteUsd: '0.00000003',
  });
  expect(cost(byMinute, { inputTokens: 1, cachedTokens: 0, outputTokens: 0, audioSeconds: 1 })).toBe(1n);
});

it('charges cached tokens at their own price', () => {
  const price = priceFromUsd({ inputPerMillionUsd: '2', cachedPerMillionUsd: '0.5', outputPerMillionUsd: '8' });
  expect(cost(price, { inputTokens: 1000, cachedTokens: 400, outputTokens: 100 })).toBe(parseUsd('0.0022'));
});

it.each([
  ['short', 1_000, undefined, '0.001'],
  ['long', 1_001, undefined, '0.002002'],
  ['short in a dearer tier', 1_000, 'priority', '0.004'],
  ['long in a dearer tier', 1_001, 'priority', '0.004004'],
  ['long in a tier that says so', 1_001, 'flex', '0.003003'],
])(
  'charges cached tokens of which no price is said like the input of the call: %s',
  (_what, tokens, serviceTier, usd) => {
    const silent = priceFromUsd({
      inputPerMillionUsd: '1',
      outputPerMillionUsd: '1',
      longContext: { aboveInputTokens: 1_000, inputPerMillionUsd: '2' },
      tiers: {
        priority: { inputPerMillionUsd: '4' },
        flex: { inputPerMillionUsd: '0.5', longContext: { inputPerMillionUsd: '3' } },
      },
    });
    const usage = { inputTokens: tokens, cachedTokens: tokens, outputTokens: 0 };
    expect(cost(silent, { ...usage, serviceTier })).toBe(parseUsd(usd));
  },
);

const price = priceFromUsd({
  inputPerMillionUsd: '1',
  cachedPerMillionUsd: '0.1',
  cacheWritePerMillionUsd: '1.25',
  cacheWriteLongPerMillionUsd: '2',
  audioInputPerMillionUsd: '30',
  imageInputPerMillionUsd: '3',
  outputPerMillionUsd: '10',
  audioOutputPerMillionUsd: '60',
  imageOutputPerMillionUsd: '40',
  perMinuteUsd: '0.006',
  perImageUsd: '0.04',
  longContext: { aboveInputTokens: 200_000, inputPerMillionUsd: '2', outputPerMillionUsd: '15' },
  tiers: {
    priority: { inputPerMillionUsd: '2', outputPerMillionUsd: '20' },
    batch: { inputPerMillionUsd: '0.5', outputPerMillionUsd: '5', longContext: { inputPerMillionUsd: '0.75' } },
  },
});
const million = (usage: object) => cost(price, { inputTokens: 100_000, cachedTokens: 0, outputTokens: 0, ...usage });

it.each([
  [{}, '0.1'],
  [{ cachedTokens: 100_000 }, '0.01'],
  [{ cacheWriteTokens: 100_000 }, '0.125'],
  [{ cacheWriteLongTokens: 100_000 }, '0.2'],
  [{ audioInputTokens: 100_000 }, '3'],
  [{ imageInputTokens: 100_000 }, '0.3'],
  [{ cachedTokens: 50_000, cacheWriteTokens: 10_000, audioInputTokens: 20_000 }, '0.6375'],
  [{ inputTokens: 0, outputTokens: 100_000, reasoningTokens: 90_000 }, '1'],
  [{ inputTokens: 0, outputTokens: 100_000, audioOutputTokens: 50_000, imageOutputTokens: 10_000 }, '3.8'],
  [{ inputTokens: 0, audioSeconds: 90 }, '0.009'],
  [{ inputTokens: 0, audioSeconds: 0.2 }, '0.0001'],
  [{ inputTokens: 0, images: 3 }, '0.12'],
])('charges each part at its own price: %j', (usage, usd) => {
  expect(million(usage)).toBe(parseUsd(usd));
});

it('charges tokens that are counted twice once, at the dearer of their prices', () => {
  expect(million({ cachedTokens: 80_000, audioInputTokens: 40_000 })).toBe(parseUsd('1.206'));
});

it.each([
  [{ inputTokens: 200_000 }, '0.2'],
  [{ inputTokens: 200_001, outputTokens: 1_000_000 }, '15.400002'],
  // What long calls have no price of their own for costs as in short ones.
  [{ inputTokens: 300_000, cachedTokens: 300_000 }, '0.03'],
])('charges the whole of a long call at its price: %j', (usage, usd) => {
  expect(million(usage)).toBe(parseUsd(usd));
});

it.each([
  ['default', '0.1'],
  ['standard', '0.1'],
  ['priority', '0.2'],
  ['batch', '0.05'],
  // A tier that nobody has heard of may cost as much as any.
  ['ultrafast', '0.2'],
])('charges what the answer’s service tier costs: %s', (serviceTier, usd) => {
  expect(million({ serviceTier })).toBe(parseUsd(usd));
});

it.each([
  ['batch', '0.225'],
  // It does not say what it takes for long calls, so no less than the standard tier.
  ['priority', '0.6'],
])('charges a long call under another tier: %s', (serviceTier, usd) => {
  expect(million({ inputTokens: 300_000, serviceTier })).toBe(parseUsd(usd));
});

it('lets what has no price of its own cost what it is part of', () => {
  const plain: Price = { inputPerMillion: 10n ** 9n, cachedPerMillion: 10n ** 8n, outputPerMillion: 10n ** 10n };
  const usage = { inputTokens: 100, cachedTokens: 0, outputTokens: 10 };
  const parts = { cacheWriteTokens: 10, cacheWriteLongTokens: 20, audioInputTokens: 30, imageInputTokens: 40 };
  expect(cost(plain, { ...usage, ...parts, audioOutputTokens: 4, imageOutputTokens: 6 })).toBe(cost(plain, usage));
  const writes: Price = { ...plain, cacheWritePerMillion: 2n * 10n ** 9n };
  expect(cost(writes, { ...usage, cacheWriteLongTokens: 100 })).toBe(cost(writes, { ...usage, cacheWriteTokens: 100 }));
});

it.each([
  { inputTokens: -1, cachedTokens: 0, outputTokens: 0 },
  { inputTokens: 1, cachedTokens: 2, outputTokens: 0 },
  { inputTokens: 1.5, cachedTokens: 0, outputTokens: 0 },
  { inputTokens: Number.NaN, cachedTokens: 0, outputTokens: 0 },
  { inputTokens: 2 ** 60, cachedTokens: 0, outputTokens: 0 },
  { inputTokens: 10, cachedTokens: 5, cacheWriteTokens: 4, cacheWriteLongTokens: 2, outputTokens: 0 },
  { inputTokens: 10, cachedTokens: 0, audioInputTokens: 6, imageInputTokens: 5, outputTokens: 0 },
  { inputTokens: 10, cachedTokens: 0, outputTokens: 5, audioOutputTokens: 3, imageOutputTokens: 3 },
  { inputTokens: 10, cachedTokens: 0, outputTokens: 5, audioOutputTokens: -1 },
  { inputTokens: 0, cachedTokens: 0, outputTokens: 0, audioSeconds: -0.5 },
  { inputTokens: 0, cachedTokens: 0, outputTokens: 0, audioSeconds: Infinity },
  { inputTokens: 0, cachedTokens: 0, outputTokens: 0, images: 0.5 },
])('refuses impossible counts %j', (usage) => {
  expect(() => cost(priceFromCostPer1k('1'), usage)).toThrow(RangeError);
});
