import fc from 'fast-check';
import { cost, decimalText, isFreeOfCharge, parseUsd, priceFromCostPer1k, priceFromUsd } from './index.js';

it('takes exact prices per million tokens', () => {
  expect(priceFromUsd({ inputPerMillionUsd: '0.25', cachedPerMillionUsd: 0.025, outputPerMillionUsd: 2 })).toEqual({
    inputPerMillion: 250_000_000n,
    cachedPerMillion: 25_000_000n,
    outputPerMillion: 2_000_000_000n,
  });
});

it('prices cached input like input when nothing is said, and keeps prices per minute and image', () => {
  expect(
    priceFromUsd({ inputPerMillionUsd: '1', outputPerMillionUsd: '0', perMinuteUsd: '0.006', perImageUsd: 0.04 }),
  ).toEqual({
    inputPerMillion: 1_000_000_000n,
    cachedPerMillion: 1_000_000_000n,
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
    cachedPerMillion: perMillion,
    outputPerMillion: perMillion,
  });
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

it('rounds a cost up once', () => {
  const price = priceFromUsd({ inputPerMillionUsd: '0.000001', outputPerMillionUsd: '0.000001' });
  expect(cost(price, { inputTokens: 1, cachedTokens: 0, outputTokens: 1 })).toBe(1n);
  expect(cost(price, { inputTokens: 0, cachedTokens: 0, outputTokens: 0 })).toBe(0n);
});

it('charges cached tokens at their own price', () => {
  const price = priceFromUsd({ inputPerMillionUsd: '2', cachedPerMillionUsd: '0.5', outputPerMillionUsd: '8' });
  expect(cost(price, { inputTokens: 1000, cachedTokens: 400, outputTokens: 100 })).toBe(parseUsd('0.0022'));
});

it.each([
  { inputTokens: -1, cachedTokens: 0, outputTokens: 0 },
  { inputTokens: 1, cachedTokens: 2, outputTokens: 0 },
  { inputTokens: 1.5, cachedTokens: 0, outputTokens: 0 },
])('refuses impossible counts %j', (usage) => {
  expect(() => cost(priceFromCostPer1k('1'), usage)).toThrow(RangeError);
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
});
