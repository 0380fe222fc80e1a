import { priceFromUsd } from '@purser/money';
import { firstPaid } from './first-paid.js';
import type { Attempt } from './meter.js';
import type { Ending } from './settlement-rules.js';

const dear = priceFromUsd({ inputPerMillionUsd: '1', outputPerMillionUsd: '10' });
const cheap = priceFromUsd({ inputPerMillionUsd: '0.1', outputPerMillionUsd: '1' });
const usage = { inputTokens: 100_000, outputTokens: 10_000, cachedTokens: 0 };

const attempt = (
  given: { price?: typeof dear; firstPaid?: typeof dear | undefined; capability?: string | null } = {},
) =>
  ({
    tier: { firstPaid: 'firstPaid' in given ? given.firstPaid : dear },
    held: { capability: given.capability === undefined ? 'code' : given.capability },
    terms: { price: given.price ?? cheap },
  }) as Attempt;
const answered = (more: object = {}): Ending => ({ how: 'answered', usage, bytes: 1, bills: 'full', ...more });

const FAILED: Ending = { how: 'failed', bytes: 5 };

it('is what the same counts would have cost at the first paid tier', () => {
  expect(firstPaid(attempt(), answered(), 20_000_000n)).toEqual({ firstPaidUsd: '0.20' });
  expect(firstPaid(attempt(), answered({ usage: { ...usage, serviceTier: 'priority' } }), 1n)).toEqual({
    firstPaidUsd: '0.20',
  });
});

it('is what was paid where that was the first paid tier', () => {
  expect(firstPaid(attempt({ price: dear }), answered({ usage: undefined }), 123_000_000n)).toEqual({
    firstPaidUsd: '0.1230',
  });
});

it.each([
  ['a concrete model was asked for', attempt({ capability: null }), answered()],
  ['no paid tier has a price', attempt({ firstPaid: undefined }), answered()],
  ['nobody counted', attempt(), answered({ usage: undefined })],
  ['the counts are impossible', attempt(), answered({ usage: { ...usage, cachedTokens: 200_000 } })],
  [
    'nothing was counted that it charges',
    attempt(),
    answered({ usage: { inputTokens: 0, outputTokens: 0, cachedTokens: 0 } }),
  ],
  ['it failed', attempt(), FAILED],
])('is not said when %s', (_what, one, ending) => {
  expect(firstPaid(one, ending, 5n)).toEqual({});
});
