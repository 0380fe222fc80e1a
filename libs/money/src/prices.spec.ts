import fc from 'fast-check';
import {
  cost,
  covers,
  decimalText,
  isFreeOfCharge,
  perMillionFromPerToken,
  priceFromCostPer1k,
  priceFromUsd,
} from './index.js';

it('takes exact prices per million tokens', () => {
  expect(priceFromUsd({ inputPerMillionUsd: '0.25', cachedPerMillionUsd: 0.025, outputPerMillionUsd: 2 })).toEqual({
    inputPerMillion: 250_000_000n,
    cachedPerMillion: 25_000_000n,
    outputPerMillion: 2_000_000_000n,
  });
});

it('leaves out what is not said, and keeps prices per minute and image', () => {
  expect(
    priceFromUsd({ inputPerMillionUsd: '1', outputPerMillionUsd: '0', perMinuteUsd: '0.006', perImageUsd: 0.04 }),
  ).toEqual({
    inputPerMillion: 1_000_000_000n,
    outputPerMillion: 0n,
    perMinute: 6_000_000n,
    perImage: 40_000_000n,
  });
});

it.each([
  [0.01, 10_000_000_000n],
  ['0.01', 10_000_000_000n],
  [0.00015, 150_000_000n],
  [1e-7, 100_000n],
  ['0.000000000001', 1n],
  [0, 0n],
])('takes cost_per_1k_tokens %s for input and output alike', (usd, perMillion) => {
  expect(priceFromCostPer1k(usd)).toEqual({
    inputPerMillion: perMillion,
    outputPerMillion: perMillion,
  });
});

it.each([
  [2.5e-7, 250_000_000n],
  ['0.00000175', 1_750_000_000n],
  [1.4e-5, 14_000_000_000n],
  [3.625e-9, 3_625_000n],
  [1, 1_000_000_000_000_000n],
  // What a program's arithmetic left behind costs a nano-dollar more, never less.
  ['0.00000018000000000000001', 180_000_001n],
  [1.23e-16, 1n],
  [0, 0n],
])('takes %s dollars per token', (usd, perMillion) => {
  expect(perMillionFromPerToken(usd)).toBe(perMillion);
});

it.each([-1e-7, 'free', Number.NaN])('refuses %s per token', (usd) => {
  expect(() => perMillionFromPerToken(usd)).toThrow(RangeError);
});

it.each([-0.01, '-1', 'free', '1e-3', Number.NaN, '0.0000000000001'])('refuses %s per 1,000 tokens', (usd) => {
  expect(() => priceFromCostPer1k(usd)).toThrow(RangeError);
});

it('refuses negative prices per million', () => {
  expect(() => priceFromUsd({ inputPerMillionUsd: '-1', outputPerMillionUsd: '1' })).toThrow(/negative/);
});

it('writes numbers without an exponent', () => {
  expect(decimalText(1.5e-7)).toBe('0.00000015');
  expect(decimalText(2e21)).toBe('2000000000000000000000');
});

it('costs the same per 1,000 and per million', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 1_000_000 }),
      fc.nat(1_000_000),
      fc.nat(1_000_000),
      (micros, inputTokens, outputTokens) => {
        const per1k = priceFromCostPer1k(`0.${micros.toString().padStart(7, '0')}`);
        const whole = BigInt(micros) * 100_000n;
        expect(per1k.inputPerMillion).toBe(whole);
        const exact = (BigInt(inputTokens) + BigInt(outputTokens)) * whole;
        const actual = cost(per1k, { inputTokens, cachedTokens: 0, outputTokens }) * 1_000_000n;
        expect(actual >= exact && actual - exact < 1_000_000n).toBe(true);
      },
    ),
  );
});

it('knows what is free of charge', () => {
  expect(isFreeOfCharge(priceFromCostPer1k(0))).toBe(true);
  expect(isFreeOfCharge(priceFromUsd({ inputPerMillionUsd: 0, outputPerMillionUsd: '0.01' }))).toBe(false);
  expect(isFreeOfCharge(priceFromUsd({ inputPerMillionUsd: 0, outputPerMillionUsd: 0, perImageUsd: 1 }))).toBe(false);
  const nothing = { inputPerMillionUsd: 0, outputPerMillionUsd: 0 };
  expect(isFreeOfCharge(priceFromUsd({ ...nothing, cacheWritePerMillionUsd: 1 }))).toBe(false);
  expect(isFreeOfCharge(priceFromUsd({ ...nothing, tiers: { priority: { outputPerMillionUsd: 1 } } }))).toBe(false);
  const long = { aboveInputTokens: 1, inputPerMillionUsd: 1 };
  expect(isFreeOfCharge(priceFromUsd({ ...nothing, longContext: long }))).toBe(false);
});

it('tells a price per token from one by the minute or the image', () => {
  const byToken = priceFromUsd({ inputPerMillionUsd: 1, outputPerMillionUsd: 2 });
  const byMinute = priceFromUsd({ perMinuteUsd: '0.006' });
  expect(byMinute).toMatchObject({ perToken: false, inputPerMillion: 0n, perMinute: 6_000_000n });
  expect([byToken, byMinute].map((price) => covers(price, {}))).toEqual([true, false]);
  expect([byToken, byMinute].map((price) => covers(price, { audioSeconds: 3 }))).toEqual([true, true]);
  expect([byToken, byMinute].map((price) => covers(price, { images: 1 }))).toEqual([true, false]);
  expect(covers(priceFromUsd({ perImageUsd: '0.04' }), { images: 1 })).toBe(true);
});
