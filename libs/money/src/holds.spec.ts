import fc from 'fast-check';
import { affordableOutput, cost, hold, inputTokenBound, type Price, raisedSafety } from './index.js';

const nano = fc.bigInt({ min: 0n, max: 200_000_000_000n });
const price: fc.Arbitrary<Price> = fc.record({ inputPerMillion: nano, cachedPerMillion: nano, outputPerMillion: nano });
const tokens = fc.nat(2_000_000);
const choices = fc.integer({ min: 1, max: 128 });
const safety = fc.integer({ min: 1000, max: 10_000 });

it('covers every usage within its bounds', () => {
  const part = fc.float({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(price, tokens, tokens, choices, safety, part, part, part, (p, input, output, n, s, a, b, c) => {
      const inputTokens = Math.floor(input * a);
      const usage = {
        inputTokens,
        cachedTokens: Math.floor(inputTokens * b),
        outputTokens: Math.floor(output * n * c),
      };
      const held = hold(p, { inputTokens: input, maxOutputTokens: output, choices: n, safety: s });
      expect(cost(p, usage) <= held).toBe(true);
    }),
    { numRuns: 1000 },
  );
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
      (p, input, n, s, money) => {
        const most = 100_000;
        const worst = { inputTokens: input, choices: n, safety: s };
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
