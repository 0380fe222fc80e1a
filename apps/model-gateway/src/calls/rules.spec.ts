import { cost, hold } from '@purser/money';
import fc from 'fast-check';
import type { Tier } from '../models/ladders.js';
import { outputLimits } from './output-limit.js';
import { fallbackReason, noTierLeft, type PassedOver, retryAfterSeconds } from './passed-over.js';
import { type Ending, settle, type Terms } from './settlement-rules.js';

const tier: Tier = {
  capability: 'c',
  name: 'tier_1_paid',
  provider: 'p',
  model: 'm',
  free: false,
  price: { inputPerMillion: 10n ** 9n, cachedPerMillion: 10n ** 8n, outputPerMillion: 10n ** 10n },
  priceRow: 'models.json:c.tier_1_paid',
  maxOutputTokens: 100_000,
  reasoning: false,
};

describe('output limits', () => {
  it.each([
    ['the caller’s figure stands', tier, 77, 5_000, { most: 77, least: 77, setByUs: false }],
    ['but no more than the model can write', tier, 200_000, 5_000, { most: 100_000, least: 100_000, setByUs: true }],
    ['a floor at first', tier, undefined, undefined, { most: 1_024, least: 1_024, setByUs: true }],
    ['four times what is usual', tier, undefined, 2_000, { most: 8_000, least: 1_024, setByUs: true }],
    ['never above the model’s maximum', tier, undefined, 90_000, { most: 100_000, least: 1_024, setByUs: true }],
    ['more room to think', { ...tier, reasoning: true }, undefined, 100, { most: 8_192, least: 8_192, setByUs: true }],
    ['a small model', { ...tier, maxOutputTokens: 500 }, undefined, 400, { most: 500, least: 500, setByUs: true }],
    [
      'no maximum known',
      { ...tier, maxOutputTokens: undefined },
      undefined,
      9_000,
      { most: 36_000, least: 1_024, setByUs: true },
    ],
    ['a free tier as it likes', { ...tier, free: true }, undefined, 10, { most: 100_000, least: 1_024, setByUs: true }],
  ])('%s', (_, one, asked, usual, expected) => {
    expect(outputLimits(one, asked, usual)).toEqual(expected);
  });
});

const FREE = { inputPerMillion: 0n, cachedPerMillion: 0n, outputPerMillion: 0n };

describe('settlement', () => {
  const price = tier.price ?? { inputPerMillion: 0n, cachedPerMillion: 0n, outputPerMillion: 0n };
  const terms = (more: Partial<Terms> = {}): Terms => {
    const worst = { inputTokens: 1_000, maxOutputTokens: 500, choices: 1, safety: 1000 };
    return {
      price,
      hold: hold(price, worst),
      inputBound: 1_000,
      outputBound: 500,
      choices: 1,
      reasoning: false,
      ...more,
    };
  };

  it('is exact when the provider says what it was', () => {
    const usage = { inputTokens: 400, cachedTokens: 100, outputTokens: 30 };
    expect(settle(terms(), { how: 'answered', usage, bytes: 99, bills: 'full' })).toEqual({
      amount: cost(price, usage),
      ...usage,
      finality: 'final',
      outcome: 'ok',
    });
  });

  it.each([
    ['seconds where the price is by tokens', price, { audioSeconds: 60 }],
    ['pictures where the price is by tokens', price, { images: 2 }],
    [
      'tokens where the price is by the minute',
      { ...FREE, perToken: false as const, perMinute: 10n ** 7n },
      { inputTokens: 600 },
    ],
    [
      'seconds where the price is by the picture',
      { ...FREE, perToken: false as const, perImage: 10n ** 7n },
      { audioSeconds: 60 },
    ],
  ])('is the whole hold when the provider tells %s', (_, one, told) => {
    const usage = { inputTokens: 0, cachedTokens: 0, outputTokens: 0, ...told };
    const settled = settle(terms({ price: one, hold: 77n }), { how: 'answered', usage, bytes: 0, bills: 'full' });
    expect(settled).toMatchObject({ amount: 77n, finality: 'presumed', outcome: 'ok' });
  });

  it('is recorded in full when more was billed than held', () => {
    const usage = { inputTokens: 400, cachedTokens: 0, outputTokens: 50_000 };
    expect(settle(terms(), { how: 'answered', usage, bytes: 0, bills: 'full' }).amount > terms().hold).toBe(true);
  });

  it.each([
    undefined,
    { inputTokens: -1, cachedTokens: 0, outputTokens: 0 },
    { inputTokens: 1, cachedTokens: 2, outputTokens: 0 },
    { inputTokens: Number.NaN, cachedTokens: 0, outputTokens: 0 },
    { inputTokens: 5, cachedTokens: 0, cacheWriteTokens: 6, outputTokens: 0 },
    { inputTokens: 5, cachedTokens: 0, outputTokens: 1, audioOutputTokens: 2 },
  ])('is the whole hold when the usage is %j', (usage) => {
    expect(settle(terms(), { how: 'answered', usage, bytes: 8, bills: 'full' })).toMatchObject({
      amount: terms().hold,
      finality: 'presumed',
      outcome: 'ok',
    });
  });

  it('without a usage is counted from above where nothing else is billed than was delivered', () => {
    const answered = (bytes: number, more?: Partial<Terms>) =>
      settle(terms(more), { how: 'answered', usage: undefined, bytes, bills: 'delivered' });
    const counted = (outputTokens: number) => cost(price, { inputTokens: 1_000, cachedTokens: 0, outputTokens });
    expect(answered(40)).toMatchObject({ amount: counted(40 + 64), finality: 'estimate', outcome: 'ok' });
    expect(answered(40, { choices: 3 }).amount).toBe(counted(40 + 3 * 64));
    expect(answered(9_999).amount).toBe(terms().hold);
    // What may have been billed unseen, or not by tokens.
    for (const more of [
      { reasoning: true },
      { price: { ...price, perMinute: 1n } },
      { price: { ...price, perImage: 1n } },
    ])
      expect(answered(40, more)).toMatchObject({ amount: terms().hold, finality: 'presumed' });
    expect(answered(40, { hold: 0n })).toMatchObject({ amount: 0n, finality: 'final' });
  });

  it('is nothing for a refusal and everything for an unknown end', () => {
    expect(settle(terms(), { how: 'refused' })).toMatchObject({ amount: 0n, finality: 'final', outcome: 'failed' });
    expect(settle(terms(), { how: 'not_made' })).toMatchObject({ amount: 0n, finality: 'final', outcome: 'cancelled' });
    expect(settle(terms(), { how: 'failed', bytes: 10 })).toMatchObject({ amount: terms().hold, outcome: 'unknown' });
    const none = { inputTokens: 0, outputTokens: 0, cachedTokens: 0 };
    expect(settle(terms(), { how: 'failed', bytes: 10, usage: none })).toMatchObject({
      amount: terms().hold,
      finality: 'presumed',
    });
  });

  it('of a cancelled call follows what the provider declares', () => {
    const cancelled = (bills: 'delivered' | 'full', more?: Partial<Terms>) =>
      settle(terms(more), { how: 'cancelled', bytes: 40, bills });
    expect(cancelled('full')).toMatchObject({ amount: terms().hold, finality: 'presumed', outcome: 'cancelled' });
    const delivered = cost(price, { inputTokens: 1_000, cachedTokens: 0, outputTokens: 104 });
    expect(cancelled('delivered')).toMatchObject({ amount: delivered, finality: 'estimate' });
    expect(cancelled('delivered', { reasoning: true }).amount).toBe(terms().hold);
  });

  it('never exceeds the hold unless a usage says so', () => {
    const bills = fc.constantFrom('full' as const, 'delivered' as const);
    const ending = fc.oneof<fc.Arbitrary<Ending>[]>(
      fc.record({ how: fc.constant('answered' as const), usage: fc.constant(undefined), bytes: fc.nat(), bills }),
      fc.record({ how: fc.constant('refused' as const) }),
      fc.record({ how: fc.constant('failed' as const), bytes: fc.nat() }),
      fc.record({
        how: fc.constant('cancelled' as const),
        bytes: fc.nat(),
        bills,
      }),
    );
    fc.assert(
      fc.property(ending, fc.boolean(), (end, reasoning) => settle(terms({ reasoning }), end).amount <= terms().hold),
    );
  });
});

describe('when no tier is left', () => {
  const passed = (why: PassedOver['why'], more: Partial<PassedOver> = {}): PassedOver => ({
    tier,
    why,
    reason: 'because',
    ...more,
  });
  it.each<[PassedOver[], string]>([
    [[passed('budget_exhausted'), passed('unavailable')], 'budget_exhausted'],
    [[passed('budget_exhausted'), passed('budget_blocks')], 'budget_exhausted'],
    [[passed('budget_exhausted'), passed('budget_held'), passed('failed')], 'budget_held'],
    [[passed('unsupported_parameter'), passed('unavailable')], 'unsupported_parameter'],
    [[passed('output_limit')], 'invalid_request'],
    [[passed('invalid_request'), passed('unavailable')], 'invalid_request'],
    [[passed('invalid_request'), passed('failed')], 'no_tier'],
    [[passed('latch_unknown')], 'no_tier'],
    [[passed('unavailable'), passed('no_price')], 'no_tier'],
    [[passed('budget_held'), passed('failed'), passed('client_side')], 'client_side_tier'],
  ])('%#', (all, code) => {
    expect(noTierLeft(all)).toMatchObject({ code });
    expect(noTierLeft(all).details.tiers).toHaveLength(all.length);
  });

  it('names the parameter', () => {
    expect(noTierLeft([passed('unsupported_parameter', { param: 'store' })]).details.param).toBe('store');
  });

  it('names the budgets that refused, and when the first of their windows ends', () => {
    const at = (day: number) => Date.parse(`2026-11-${day}T00:00:00.000Z`);
    const error = noTierLeft([
      passed('budget_exhausted', { budgets: ['all'] }),
      passed('budget_exhausted', { budgets: ['month'], resetsAt: at(30) }),
      passed('budget_exhausted', { budgets: ['month', 'day'], resetsAt: at(29) }),
    ]);
    expect(error.details).toMatchObject({
      code: 'budget_exceeded',
      budgets: ['all', 'month', 'day'],
      resetsAt: '2026-11-29T00:00:00.000Z',
    });
    expect(noTierLeft([passed('budget_exhausted', { budgets: ['all'] })]).details.resetsAt).toBeNull();
  });

  it('says when to come again', () => {
    expect(
      retryAfterSeconds([passed('failed', { retryAfterMs: 2_100 }), passed('budget_held', { retryAfterMs: 5_000 })]),
    ).toBe(3);
    expect(retryAfterSeconds([passed('unavailable')])).toBeUndefined();
  });

  it('fits into a header', () => {
    expect(fallbackReason([passed('failed', { reason: 'größer\r\nx: y' })])).toBe('tier_1_paid: failed (gr??er??x: y)');
  });
});
