import { plainDecimal, requireUsd } from './cost-source.js';

it.each([
  ['12.50', '12.5'],
  ['0.0000012345', '0.0000012345'],
  ['1.2E-7', '0.00000012'],
  ['-1.5e-3', '-0.0015'],
  ['1.5e3', '1500'],
  ['1234e-2', '12.34'],
  ['.5', '0.5'],
  ['-0.00', '0'],
  ['007', '7'],
  // OpenAI writes some zeros so.
  ['0E-6176', '0'],
  [0.1, '0.1'],
  [3e-9, '0.000000003'],
])('writes %s as %s', (given, plain) => {
  expect(plainDecimal(given)).toBe(plain);
});

it.each(['', '-', 'free', '1,5', 'NaN', '1.2.3', 'e5'])('takes "%s" for no amount', (given) => {
  expect(() => plainDecimal(given)).toThrow('is not an amount');
});

it('takes dollars alone for dollars', () => {
  expect(() => requireUsd('usd', 'the books', 'Ask for dollars.')).not.toThrow();
  expect(() => requireUsd('EUR', 'the books', 'Ask for dollars.')).toThrow(
    'the books are in EUR, and Purser counts US dollars alone: nothing was counted. Ask for dollars.',
  );
  expect(() => requireUsd(undefined, 'the books', '')).toThrow('in a currency that is not told');
});
