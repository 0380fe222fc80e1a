import { failureFromNetwork, failureFromStatus, isProviderError, ProviderError, retryAfterMs } from './index.js';

describe('failureFromStatus', () => {
  it.each([
    [400, 'invalid_request', false],
    [401, 'auth', false],
    [402, 'auth', false],
    [403, 'auth', false],
    [404, 'model_not_found', false],
    [408, 'timeout', true],
    [413, 'invalid_request', false],
    [422, 'invalid_request', false],
    [429, 'rate_limited', false],
    [500, 'overloaded', true],
    [502, 'overloaded', true],
    [503, 'overloaded', false],
    [504, 'timeout', true],
    [529, 'overloaded', false],
  ])('%i is %s, may bill: %s', (status, kind, mayBill) => {
    expect(failureFromStatus(status, 'no')).toMatchObject({ status, kind, mayBill, message: 'no' });
  });

  it('takes a filtered call as one that may be billed', () => {
    expect(failureFromStatus(400, 'filtered', { code: 'content_filter' }).mayBill).toBe(true);
  });
});

describe('retryAfterMs', () => {
  const now = Date.parse('2026-11-23T10:00:00Z');
  it.each([
    [{ 'retry-after': '7' }, 7000],
    [{ 'retry-after': '0.5' }, 500],
    [{ 'retry-after': 'Mon, 23 Nov 2026 10:00:30 GMT' }, 30_000],
    [{ 'retry-after': 'Mon, 23 Nov 2026 09:00:00 GMT' }, 0],
    [{ 'retry-after-ms': '1500', 'retry-after': '2' }, 1500],
    [{ 'retry-after': 'soon' }, undefined],
    [{}, undefined],
  ])('%j', (headers, expected) => {
    expect(retryAfterMs(new Headers(headers as Record<string, string>), now)).toBe(expected);
  });
});

describe('failureFromNetwork', () => {
  const failed = (cause: unknown) => failureFromNetwork(new TypeError('fetch failed', { cause }), 'at the demo server');
  const coded = (code: string) => Object.assign(new Error(`socket says ${code}`), { code });

  it('knows that nothing was sent when no connection came about', () => {
    expect(failed(coded('ECONNREFUSED'))).toMatchObject({
      kind: 'connection',
      mayBill: false,
      message: 'at the demo server: socket says ECONNREFUSED',
    });
    const each = Object.assign(new AggregateError([coded('ECONNREFUSED'), coded('ENETUNREACH')]), {
      code: 'ECONNREFUSED',
    });
    expect(failed(each).mayBill).toBe(false);
  });

  it('takes everything else as possibly billed', () => {
    expect(failed(coded('ECONNRESET'))).toMatchObject({ kind: 'connection', mayBill: true });
    expect(failed(coded('UND_ERR_HEADERS_TIMEOUT'))).toMatchObject({ kind: 'timeout', mayBill: true });
    expect(failed(new AggregateError([coded('ECONNREFUSED'), coded('ECONNRESET')])).mayBill).toBe(true);
    expect(failureFromNetwork('odd', 'x')).toMatchObject({ kind: 'connection', mayBill: true, message: 'x: odd' });
  });
});

it('recognises a ProviderError of another copy of the SDK', () => {
  expect(isProviderError(new ProviderError('auth', 'no', { mayBill: false }))).toBe(true);
  expect(isProviderError({ name: 'ProviderError', kind: 'auth', message: 'no', mayBill: false })).toBe(true);
  expect(isProviderError(new Error('no'))).toBe(false);
});
