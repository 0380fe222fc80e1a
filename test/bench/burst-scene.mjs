// What the burst is made of: models at random prices, ladders over two protocols, answers of random sizes. The same seed
// gives the same.

/** Numbers from 0 to 1 (mulberry32). */
export function randomFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export const between = (random, least, most) => Math.floor(least + random() * (most - least + 1));
export const oneOf = (random, list) => list[Math.floor(random() * list.length)];

/** Dollars per million tokens before chance; what is cached costs a tenth. */
const PAID = {
  clever: { provider: 'openai', input: 3, output: 15 },
  swift: { provider: 'openai', input: 0.5, output: 2 },
  thinker: { provider: 'openai', input: 1.1, output: 4.4, reasoning: true },
  sonorous: { provider: 'anthropic', input: 1, output: 5 },
};
const FREE = 'gift';

const LADDERS = {
  writing: ['clever', 'swift'],
  thinking: ['thinker', 'sonorous'],
  talking: ['sonorous', 'swift'],
};
export const CAPABILITIES = Object.keys(LADDERS);

const MAX_OUTPUT_TOKENS = 4096;

export function scene(seed) {
  const random = randomFrom(seed);
  const prices = {};
  for (const [model, { input, output }] of Object.entries(PAID)) {
    const factor = 0.5 + random();
    const usd = (amount) => (amount * factor).toFixed(4);
    prices[model] = {
      inputPerMillionUsd: usd(input),
      cachedPerMillionUsd: usd(input / 10),
      cacheWritePerMillionUsd: usd(input * 1.25),
      outputPerMillionUsd: usd(output),
    };
  }
  const tier = (model) => ({
    provider: PAID[model].provider,
    model,
    price: prices[model],
    maxOutputTokens: PAID[model].reasoning ? 4 * MAX_OUTPUT_TOKENS : MAX_OUTPUT_TOKENS,
    ...(PAID[model].reasoning ? { reasoning: true } : {}),
  });
  const ladders = Object.fromEntries(
    Object.entries(LADDERS).map(([capability, [first, second]]) => [
      capability,
      {
        tier_1_paid: tier(first),
        tier_2_paid: tier(second),
        tier_3_free: { provider: 'openai', model: FREE, cost_per_1k_tokens: 0 },
      },
    ]),
  );
  return {
    upstream: { ...prices, [FREE]: { inputPerMillionUsd: '0', outputPerMillionUsd: '0' } },
    ladders,
  };
}

/** Puts random answers in front of every paid model: their sizes, what of them is hidden or cached, and how fast they come. */
export async function script(models, seed, answers) {
  const random = randomFrom(seed);
  for (const [model, { reasoning }] of Object.entries(PAID)) {
    for (let n = 0; n < answers; n += 1)
      await models.script(
        {
          // Every fourth says all that it may.
          outputTokens: random() < 0.25 ? 100_000 : between(random, 20, 1_200),
          cachedTokens: random() < 0.5 ? between(random, 0, 400) : 0,
          ...(PAID[model].provider === 'anthropic' ? { cacheWriteTokens: between(random, 0, 200) } : {}),
          ...(reasoning ? { reasoningTokens: between(random, 0, 600) } : {}),
          latencyMs: between(random, 0, 100),
          chunkTokens: between(random, 20, 200),
          chunkGapMs: between(random, 0, 5),
        },
        { model, times: 1 },
      );
    await models.script(
      { outputTokens: 500, chunkTokens: 50, ...(reasoning ? { reasoningTokens: 200 } : {}) },
      { model },
    );
  }
  await models.script({ outputTokens: 20 }, { model: FREE });
}
