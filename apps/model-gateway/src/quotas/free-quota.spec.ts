import { priceFromUsd } from '@purser/money';
import type { Settlement } from '../calls/settlement-rules.js';
import { FreeQuota, readQuota, usedOf, worstOf } from './free-quota.js';

const price = priceFromUsd({ inputPerMillionUsd: '1', outputPerMillionUsd: '10' });
const quota = (amount: object) => readQuota(FreeQuota.parse({ ...amount, per: 'day' }), 'p/m', price);
const call = { bounds: { inputTokens: 400 }, choices: 2 };
const settled = (outcome: Settlement['outcome']): Settlement => ({
  amount: 0n,
  inputTokens: 100,
  outputTokens: 50,
  cachedTokens: 0,
  finality: 'final',
  outcome,
});

it.each([
  [{ requests: 5 }, 5n, 1n, 1n],
  [{ tokens: 1_000 }, 1_000n, 600n, 150n],
  [{ characters: 900 }, 900n, 400n, 400n],
  [{ usd: '0.10' }, 100_000_000n, 2_400_000n, 600_000n],
])('counts %j', (amount, limit, worst, used) => {
  const read = quota(amount);
  expect([read.limit, worstOf(read, call, 100), usedOf(read, settled('ok'), worst)]).toEqual([limit, worst, used]);
  expect(usedOf(read, settled('failed'), worst)).toBe(0n);
  expect(usedOf(read, settled('unknown'), worst)).toBe(worst);
});

it('is counted by model, or by pool', () => {
  expect(quota({ requests: 1 }).name).toBe('p/m requests per day UTC');
  expect(quota({ requests: 1, pool: 'hf' }).name).toBe('hf requests per day UTC');
});

it('is of one unit, and of dollars that can be read', () => {
  for (const wrong of [{}, { requests: 1, tokens: 1 }, { usd: '-1' }, { usd: 'x' }, { requests: 0 }])
    expect(FreeQuota.safeParse({ ...wrong, per: 'day' }).success).toBe(false);
});

it('cannot count dollars without a price', () => {
  expect(worstOf({ ...quota({ usd: '1' }), price: undefined }, call, 100)).toBeUndefined();
});
