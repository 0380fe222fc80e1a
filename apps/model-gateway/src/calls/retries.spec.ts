import { ProviderError, type ProviderErrorKind } from '@purser/plugin-sdk';
import { retryWait, type Tried } from './retries.js';

const policy = { attempts: 3, firstMs: 200, mostMs: 2_000 };
const wait = (
  kind: ProviderErrorKind,
  options: { mayBill?: boolean; retryAfterMs?: number } = {},
  tried: Partial<Tried> = {},
  random = 0.5,
) =>
  retryWait(
    policy,
    new ProviderError(kind, 'no', { mayBill: false, ...options }),
    { attempts: 1, waitedMs: 0, leftAloneMs: 0, ...tried },
    () => random,
  );

it('waits at random within what doubles with each attempt', () => {
  expect([wait('overloaded'), wait('overloaded', {}, { attempts: 2 })]).toEqual([100, 200]);
  expect([wait('connection', {}, {}, 0), wait('timeout', {}, {}, 1)]).toEqual([0, 200]);
});

it('waits as long as the provider asks for, if that is not too long', () => {
  expect(wait('rate_limited', { retryAfterMs: 1_000 })).toBe(1_000);
  expect(wait('rate_limited', { retryAfterMs: 1_000 }, { leftAloneMs: 1_001 })).toBe(1_001);
  expect(wait('rate_limited', { retryAfterMs: 2_001 })).toBeUndefined();
  expect(wait('rate_limited', { retryAfterMs: 1_000 }, { attempts: 2, waitedMs: 1_100 })).toBeUndefined();
});

it('ends after so many attempts', () => {
  expect(wait('overloaded', {}, { attempts: 3 })).toBeUndefined();
});

it('repeats neither what may be billed nor what stays wrong', () => {
  expect(wait('overloaded', { mayBill: true })).toBeUndefined();
  for (const kind of ['auth', 'model_not_found', 'invalid_request'] as const) expect(wait(kind)).toBeUndefined();
});
