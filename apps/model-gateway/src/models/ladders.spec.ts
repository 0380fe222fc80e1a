import { DEFAULT_MODELS } from './default-models.js';
import { Ladders } from './ladders.js';
import { ModelsFile } from './models-file.js';

const read = (file: unknown) => Ladders.from(ModelsFile.parse(file));
const paid = { provider: 'openai', model: 'm', cost_per_1k_tokens: 0.01 };
const free = { provider: 'ollama', model: 'f' };
const problem = (file: unknown): string => {
  const parsed = ModelsFile.safeParse(file);
  return parsed.success ? '' : parsed.error.issues.map((one) => `${one.path.join('.')}: ${one.message}`).join('; ');
};

it('takes the shape that people already write', () => {
  const [first, second] = read({
    code_generation: {
      tier_1_paid: { ...paid, quality: 'excellent', limitations: null },
      tier_3_free: { ...free, cost_per_1k_tokens: 0, quality: 0.7, limitations: ['slow'] },
    },
  }).tiers;
  expect(first).toMatchObject({ name: 'tier_1_paid', free: false, price: { outputPerMillion: 10_000_000_000n } });
  expect(second).toMatchObject({ name: 'tier_3_free', free: true, price: { outputPerMillion: 0n } });
});

it('orders rungs by their numbers, and paid before free', () => {
  const names = read({
    chat: { tier_0_free: free, tier_10_paid: paid, tier_2_paid: paid, extra: paid, tier_3_free: free },
  }).tiers.map(({ name }) => name);
  expect(names).toEqual(['tier_2_paid', 'tier_10_paid', 'extra', 'tier_0_free', 'tier_3_free']);
});

it('takes prices of audio, pictures, cache and other service tiers beside those of tokens', () => {
  const price = {
    inputPerMillionUsd: 1,
    outputPerMillionUsd: 2,
    cacheWritePerMillionUsd: '1.25',
    longContext: { aboveInputTokens: 1_000, inputPerMillionUsd: 3 },
    tiers: { priority: { outputPerMillionUsd: 4 } },
  };
  const [exact, simple] = read({
    a: { tier_1: { provider: 'openai', model: 'm', price, cost_per_image: '0.04' } },
    b: { tier_1: { ...paid, cost_per_minute: '0.006' } },
  }).tiers;
  expect(exact?.price).toMatchObject({
    cacheWritePerMillion: 1_250_000_000n,
    perImage: 40_000_000n,
    longContext: { aboveInputTokens: 1_000, rates: { inputPerMillion: 3_000_000_000n } },
    tiers: { priority: { outputPerMillion: 4_000_000_000n } },
  });
  expect(simple?.price).toEqual({
    inputPerMillion: 10_000_000_000n,
    outputPerMillion: 10_000_000_000n,
    perMinute: 6_000_000n,
  });
});

it('prefers exact prices', () => {
  const [tier] = read({
    chat: { tier_1_paid: { ...paid, price: { inputPerMillionUsd: '0.25', outputPerMillionUsd: 2 } } },
  }).tiers;
  expect(tier?.price).toEqual({
    inputPerMillion: 250_000_000n,
    outputPerMillion: 2_000_000_000n,
  });
});

it('takes a price of zero as free, and no price as not known', () => {
  const [zero, unknown] = read({
    a: { tier_1: { ...paid, cost_per_1k_tokens: 0 } },
    b: { tier_1_paid: { provider: 'openai', model: 'm' } },
  }).tiers;
  expect(zero?.free).toBe(true);
  expect(unknown).toMatchObject({ free: false, price: undefined });
});

it('keeps a model that is priced per minute or image off the free tiers', () => {
  const tiers = read({
    voice: { tier_1: { provider: 'openai', model: 'm', cost_per_minute: '0.006' } },
    image: { tier_1: { provider: 'openai', model: 'm', price: { perImageUsd: 0.04 } } },
  }).tiers;
  expect(tiers).toMatchObject([
    { free: false, price: { perMinute: 6_000_000n, perToken: false } },
    { free: false, price: { perImage: 40_000_000n, perToken: false } },
  ]);
});

it.each([
  [{ c: { t: { provider: 'openai' } } }, /^c\.t\.model: /],
  [{ c: { t: { ...paid, provider: 'a.b' } } }, /^c\.t\.provider: letters/],
  [{ c: { t: { ...paid, cost_per_1k_tokens: -1 } } }, /^c\.t\.cost_per_1k_tokens: dollars per 1,000 tokens such as/],
  [{ c: { t: { ...paid, maxOutputToken: 5 } } }, /^c\.t: Unrecognized key: "maxOutputToken"/],
  [{ c: { t: { ...paid, price: { inputPerMillionUsd: '1' } } } }, /^c\.t\.price: .*belong together/],
  [{ c: {} }, /^c: at least one tier/],
  [[], /: /],
])('names the field that is wrong in %j', (file, message) => {
  expect(problem(file)).toMatch(message);
});

it('refuses a tier that is called free and has a price', () => {
  expect(() => read({ c: { tier_3_free: paid } })).toThrow(/c\.tier_3_free: is called free but has a price/);
});

describe('route', () => {
  const ladders = read({
    code: { tier_1_paid: paid, tier_3_free: free },
    chat: { tier_1_paid: { ...paid, provider: 'other' }, tier_2_paid: { ...paid, model: 'vendor/m' } },
  });
  const found = (model: string) => ladders.route(model)?.tiers.map((tier) => `${tier.provider}/${tier.model}`);

  it.each([
    ['code', 'code', ['openai/m', 'ollama/f']],
    ['m', null, ['openai/m', 'other/m']],
    ['other/m', null, ['other/m']],
    ['vendor/m', null, ['openai/vendor/m']],
    ['openai/vendor/m', null, ['openai/vendor/m']],
  ])('%s', (model, capability, tiers) => {
    expect(ladders.route(model)?.capability).toBe(capability);
    expect(found(model)).toEqual(tiers);
  });

  it('knows nothing else', () => {
    expect(ladders.route('gpt-none')).toBeUndefined();
    expect(ladders.route('nobody/m')).toBeUndefined();
  });
});

it('comes with ladders that end in a free tier', () => {
  const ladders = read(DEFAULT_MODELS);
  for (const capability of ladders.capabilities) {
    const tiers = ladders.route(capability)?.tiers ?? [];
    expect(tiers.at(0)?.free).toBe(false);
    expect(tiers.at(-1)?.free).toBe(true);
  }
});
