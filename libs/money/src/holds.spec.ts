import fc from 'fast-check';
import {
  affordableOutput,
  type BilledUsage,
  cost,
  hold,
  inputTokenBound,
  parseUsd,
  type Price,
  priceFromUsd,
  providerCountBound,
  raisedSafety,
  tokenizedBound,
} from './index.js';

const nano = fc.bigInt({ min: 0n, max: 200_000_000_000n });
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined, freq: 2 });
const others = {
  cachedPerMillion: nano,
  cacheWritePerMillion: nano,
  cacheWriteLongPerMillion: nano,
  audioInputPerMillion: nano,
  imageInputPerMillion: nano,
  audioOutputPerMillion: nano,
  imageOutputPerMillion: nano,
};
const required = { inputPerMillion: nano, outputPerMillion: nano };
const someRates = fc.record({ ...required, ...others }, { requiredKeys: [] });
const tier = fc
  .tuple(someRates, maybe(someRates))
  .map(([rates, longContext]) => ({ ...rates, ...(longContext ? { longContext } : {}) }));
const price: fc.Arbitrary<Price> = fc.record(
  {
    ...required,
    ...others,
    perMinute: nano,
    perImage: nano,
    longContext: fc.record({ aboveInputTokens: fc.nat(2_000_000), rates: someRates }),
    tiers: fc.dictionary(fc.constantFrom('priority', 'flex', 'batch'), tier),
  },
  { requiredKeys: ['inputPerMillion', 'outputPerMillion'] },
);
const tokens = fc.nat(2_000_000);
const choices = fc.integer({ min: 1, max: 128 });
const safety = fc.integer({ min: 1000, max: 10_000 });
const part = fc.float({ min: 0, max: 1, noNaN: true });
const of = (whole: number, share: number) => Math.floor(whole * share);

/** Any usage within bounds; parts may overlap where they can. */
const usageWithin = (input: number, output: number, seconds: number, images: number): fc.Arbitrary<BilledUsage> =>
  fc
    .tuple(part, part, part, part, part, part, part, part, part, part, fc.boolean())
    .map(([a, b, c, d, e, f, g, h, i, j, all]) => {
      const inputTokens = all ? input : of(input, a);
      const cachedTokens = of(inputTokens, b);
      const cacheWriteTokens = of(inputTokens - cachedTokens, c);
      const cacheWriteLongTokens = of(inputTokens - cachedTokens - cacheWriteTokens, d);
      const audioInputTokens = of(inputTokens, e);
      const imageInputTokens = of(inputTokens - audioInputTokens, f);
      const outputTokens = all ? output : of(output, g);
      const audioOutputTokens = of(outputTokens, h);
      const imageOutputTokens = of(outputTokens - audioOutputTokens, i);
      return {
        inputTokens,
        cachedTokens,
        cacheWriteTokens,
        cacheWriteLongTokens,
        audioInputTokens,
        imageInputTokens,
        outputTokens,
        audioOutputTokens,
        imageOutputTokens,
        audioSeconds: seconds * j,
        images: of(images, j),
      };
    });
const bounds = fc.record({
  inputTokens: tokens,
  maxOutputTokens: tokens,
  choices,
  safety,
  audioSeconds: fc.nat(7_200),
  images: fc.nat(10),
});
const usedWithin = bounds.chain((worst) =>
  fc.tuple(
    fc.constant(worst),
    usageWithin(worst.inputTokens, worst.maxOutputTokens * worst.choices, worst.audioSeconds, worst.images),
  ),
);
const answered = fc.constantFrom(undefined, 'default', 'priority', 'flex', 'batch', 'never-heard-of');

it('covers every usage within its bounds, whatever tier the answer names', () => {
  fc.assert(
    fc.property(price, usedWithin, answered, (p, [worst, usage], serviceTier) => {
      expect(cost(p, { ...usage, serviceTier }) <= hold(p, worst)).toBe(true);
    }),
    { numRuns: 3000 },
  );
});

it('covers a call that names its tier, served under that one or the standard one', () => {
  const named = fc.constantFrom('default', 'priority', 'flex', 'batch');
  fc.assert(
    fc.property(price, usedWithin, named, fc.boolean(), (p, [worst, usage], serviceTier, downgraded) => {
      const held = hold(p, { ...worst, serviceTier });
      expect(cost(p, { ...usage, serviceTier: downgraded ? 'default' : serviceTier }) <= held).toBe(true);
      expect(held <= hold(p, worst)).toBe(true);
    }),
    { numRuns: 2000 },
  );
});

it('covers calls without the kinds of tokens that the request rules out', () => {
  const parts = {
    cacheWrite: 'cacheWriteTokens',
    cacheWriteLong: 'cacheWriteLongTokens',
    audioInput: 'audioInputTokens',
    imageInput: 'imageInputTokens',
    audioOutput: 'audioOutputTokens',
    imageOutput: 'imageOutputTokens',
  } as const;
  const kinds = fc.subarray(Object.keys(parts) as (keyof typeof parts)[]);
  fc.assert(
    fc.property(price, usedWithin, kinds, answered, (p, [worst, usage], without, serviceTier) => {
      const rest = { ...usage, serviceTier, ...Object.fromEntries(without.map((kind) => [parts[kind], 0])) };
      const held = hold(p, { ...worst, without });
      expect(cost(p, rest) <= held).toBe(true);
      expect(held <= hold(p, worst)).toBe(true);
    }),
    { numRuns: 2000 },
  );
});

it.each([
  // OpenAI, GPT-6.2 Sol: 12-hour cache writes are the dearest input, and fast mode doubles everything.
  [{}, '0.102'],
  [{ serviceTier: 'default' }, '0.051'],
  [{ serviceTier: 'default', without: ['cacheWriteLong'] as const }, '0.026'],
  [{ serviceTier: 'default', without: ['cacheWriteLong', 'cacheWrite'] as const }, '0.021'],
])('holds the dearest that applies: %j', (more, usd) => {
  const p = priceFromUsd({
    inputPerMillionUsd: '2',
    cachedPerMillionUsd: '0.1',
    cacheWritePerMillionUsd: '2.5',
    cacheWriteLongPerMillionUsd: '5',
    outputPerMillionUsd: '10',
    tiers: { priority: { inputPerMillionUsd: '4', cacheWriteLongPerMillionUsd: '10', outputPerMillionUsd: '20' } },
  });
  const worst = { inputTokens: 10_000, maxOutputTokens: 100, choices: 1, safety: 1000 };
  expect(hold(p, { ...worst, ...more })).toBe(parseUsd(usd));
});

it('holds the price of long calls as soon as the bound crosses into them', () => {
  const p = priceFromUsd({
    inputPerMillionUsd: '1',
    outputPerMillionUsd: '10',
    longContext: { aboveInputTokens: 1_000, inputPerMillionUsd: '2', outputPerMillionUsd: '15' },
  });
  const held = (inputTokens: number) => hold(p, { inputTokens, maxOutputTokens: 100, choices: 1, safety: 1000 });
  expect(held(1_000)).toBe(parseUsd('0.002'));
  expect(held(1_001)).toBe(parseUsd('0.003502'));
});

it('covers usage at its bounds exactly when nothing is added for safety', () => {
  const dear: Price = { inputPerMillion: 2_000_000_001n, cachedPerMillion: 1n, outputPerMillion: 8_000_000_003n };
  const usage = { inputTokens: 17, cachedTokens: 0, outputTokens: 3 * 11 };
  expect(hold(dear, { inputTokens: 17, maxOutputTokens: 11, choices: 3, safety: 1000 })).toBe(cost(dear, usage));
});

it('never bounds a prompt below its bytes', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.nat(50), (text, messages) => {
      const textBytes = Buffer.byteLength(JSON.stringify(text));
      expect(inputTokenBound({ textBytes, messages, tools: 0, images: 0 })).toBeGreaterThan(
        Buffer.byteLength(text) + messages,
      );
    }),
  );
});

it('finds the largest output limit that is affordable', () => {
  fc.assert(
    fc.property(
      price,
      fc.nat(10_000),
      choices,
      safety,
      fc.bigInt({ min: 0n, max: 10n ** 10n }),
      maybe(fc.nat(7_200)),
      (p, input, n, s, money, audioSeconds) => {
        const most = 100_000;
        const worst = { inputTokens: input, choices: n, safety: s, audioSeconds };
        const found = affordableOutput(p, worst, money, most);
        if (found > 0) expect(hold(p, { ...worst, maxOutputTokens: found }) <= money).toBe(true);
        if (found < most) expect(hold(p, { ...worst, maxOutputTokens: found + 1 }) > money).toBe(true);
      },
    ),
  );
});

it('raises the safety factor until the hold would have covered the bill', () => {
  fc.assert(
    fc.property(fc.nat(10_000), fc.integer({ min: 1, max: 50 }), fc.nat(10_000), (input, times, output) => {
      const p: Price = { inputPerMillion: 10n ** 9n, cachedPerMillion: 10n ** 9n, outputPerMillion: 10n ** 9n };
      const worst = { inputTokens: input + 1, maxOutputTokens: output, choices: 1 };
      const held = hold(p, { ...worst, safety: 1000 });
      const actual = held * BigInt(times);
      const raised = raisedSafety(1000, held, actual);
      expect(hold(p, { ...worst, safety: raised }) >= actual).toBe(true);
      expect(raisedSafety(raised, held, held)).toBe(raised);
    }),
  );
});

it('refuses a safety factor below one', () => {
  const p: Price = { inputPerMillion: 1n, cachedPerMillion: 1n, outputPerMillion: 1n };
  expect(() => hold(p, { inputTokens: 1, maxOutputTokens: 1, choices: 1, safety: 999 })).toThrow(RangeError);
});

describe('bounds by a count', () => {
  const rest = { textBytes: 100, messages: 3, tools: 2, images: 1 };

  it('leave everything that was not counted to its bytes and rules', () => {
    const counted = tokenizedBound({ tokens: 1_000, seams: 4 }, rest);
    expect(counted - inputTokenBound(rest)).toBe(1_000 + 4 * 8);
  });

  it('are above what the provider counted, and above a frame of nothing', () => {
    for (const tokens of [0, 1, 19, 20, 100_000]) {
      const bound = providerCountBound(tokens, rest);
      expect(bound).toBeGreaterThanOrEqual(tokens * 1.05 + 128 + 3 * 8);
      expect(bound).toBeLessThan(tokens * 1.06 + 400);
    }
  });
});
