import { ProviderError, type ProviderErrorKind } from '@purser/plugin-sdk';
import { CoolDowns } from './cool-downs.js';

let now = 0;
let coolDowns: CoolDowns;
beforeEach(() => {
  now = 0;
  coolDowns = new CoolDowns(() => now);
});
const fail = (kind: ProviderErrorKind, retryAfterMs?: number) =>
  coolDowns.failed(
    'p',
    'm',
    new ProviderError(kind, 'no', { mayBill: false, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }),
  );

it('doubles with each failure in a row, up to a minute', () => {
  const waits = Array.from({ length: 8 }, () => {
    fail('overloaded');
    return coolDowns.waiting('p', 'm')?.ms;
  });
  expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
  now = 60_000;
  expect(coolDowns.waiting('p', 'm')).toBeUndefined();
  coolDowns.succeeded('p', 'm');
  fail('overloaded');
  expect(coolDowns.waiting('p', 'm')?.ms).toBe(1000);
});

it('waits as long as the provider asks for', () => {
  fail('rate_limited', 7_000);
  expect(coolDowns.waiting('p', 'm')).toEqual({ ms: 7_000, reason: 'rate_limited: no' });
});

it('leaves a provider alone for longer when the key is refused', () => {
  fail('auth');
  expect(coolDowns.waiting('p', 'other')?.ms).toBe(60_000);
});

it('takes a failing answer as a matter of one model, and an address that nobody answers as one of all', () => {
  for (const kind of ['overloaded', 'unknown'] as const) fail(kind);
  coolDowns.failed('p', 'm', new ProviderError('connection', 'the stream broke off', { mayBill: true }));
  expect(coolDowns.waiting('p', 'm')).toBeDefined();
  expect(coolDowns.waiting('p', 'other')).toBeUndefined();
  fail('connection');
  expect(coolDowns.waiting('p', 'other')).toEqual({ ms: 1_000, reason: 'connection: no' });
});

it('takes limits and missing models as a matter of one model', () => {
  fail('rate_limited');
  fail('model_not_found');
  expect(coolDowns.waiting('p', 'm')).toBeDefined();
  expect(coolDowns.waiting('p', 'other')).toBeUndefined();
});

it('does not blame anybody for a wrong request', () => {
  fail('invalid_request');
  expect(coolDowns.waiting('p', 'm')).toBeUndefined();
});
