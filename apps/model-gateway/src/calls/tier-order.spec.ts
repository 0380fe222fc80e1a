import { priceFromUsd } from '@purser/money';
import type { Tier } from '../models/ladders.js';
import { strategyFor } from '../models/strategies.js';
import type { ModelCall } from './model-call.js';
import { aheadFor, expectedCost, inOrder } from './tier-order.js';

const tier = (name: string, prices?: [input: string, output: string]): Tier => ({
  capability: 'c',
  name,
  provider: 'p',
  model: name,
  free: name.endsWith('free'),
  price: prices && priceFromUsd({ inputPerMillionUsd: prices[0], outputPerMillionUsd: prices[1] }),
  priceRow: null,
  maxOutputTokens: undefined,
  reasoning: false,
});
const call = (inputBytes: number, maxOutputTokens?: number) =>
  ({ bounds: { inputTokens: inputBytes }, maxOutputTokens, writes: true, choices: 1 }) as unknown as ModelCall;

const reader = tier('reads_cheaply', ['1', '10']);
const writer = tier('writes_cheaply', ['4', '2']);
const unpriced = tier('unpriced');
const free = tier('free');
const all = [reader, unpriced, writer, free];
const names = (strategy: Parameters<typeof inOrder>[1], asked: ModelCall, usual?: number) =>
  inOrder(all, strategy, (one) => expectedCost(one, asked, usual)).map(({ name }) => name);

describe('the order of tiers', () => {
  it('is that of the ladder, unless the cheapest is to come first', () => {
    expect(names('quality-first', call(100))).toEqual(all.map(({ name }) => name));
    expect(names('stretch', call(100))).toEqual(all.map(({ name }) => name));
  });

  it('follows what this call will cost', () => {
    expect(names('cheapest', call(400_000, 10))).toEqual(['free', 'reads_cheaply', 'writes_cheaply', 'unpriced']);
    expect(names('cheapest', call(4, 10_000), 5_000)).toEqual(['free', 'writes_cheaply', 'reads_cheaply', 'unpriced']);
  });

  it('expects what is usual, within the limit of the caller', () => {
    expect(expectedCost(reader, call(4_000), 200)).toBe(1_000_000n + 2_000_000n);
    expect(expectedCost(reader, call(4_000, 100), 200)).toBe(1_000_000n + 1_000_000n);
    expect(expectedCost(reader, call(0), undefined)).toBe(10_240_000n);
  });
});

describe('spending evenly', () => {
  const window = { startsAt: 1_000, endsAt: 2_000, limit: 100n };
  it.each([
    [5n, 1_000, undefined],
    [6n, 1_000, 10],
    [55n, 1_500, undefined],
    [60n, 1_500, 50],
    [100n, 1_940, 10],
  ])('after %d of 100 at %d waits %s', (spent, now, wait) => {
    expect(aheadFor(window, spent, now)).toBe(wait);
  });

  it('does not apply to windows without an end', () => {
    expect(aheadFor({ ...window, endsAt: Infinity }, 99n, 1_000)).toBeUndefined();
  });
});

it('is set for all, by capability, or not at all', () => {
  expect(strategyFor(undefined, 'c')).toBe('quality-first');
  expect(strategyFor('cheapest', null)).toBe('cheapest');
  const byCapability = { default: 'stretch', c: 'cheapest' } as const;
  expect(['c', 'd', null].map((capability) => strategyFor(byCapability, capability))).toEqual([
    'cheapest',
    'stretch',
    'stretch',
  ]);
});
