import { readRefusal, retryAfterMs, windowIn } from './refusal.js';
import { RETRIES, waitMs } from './retries.js';

const now = Date.parse('2026-11-29T12:00:00Z');
const read = (status: number, code: string, message = 'why', headers: Record<string, string> = {}) =>
  readRefusal(status, new Headers(headers), JSON.stringify({ error: { message, code } }), now);

describe('what a refusal means', () => {
  it.each([
    [402, 'budget_exceeded', { kind: 'budget', message: 'why' }],
    [403, 'emergency', { kind: 'emergency', message: 'why' }],
    [403, 'forbidden', { kind: 'refused', code: 'forbidden' }],
    [401, 'unauthorized', { kind: 'key' }],
    [429, 'budget_held', { kind: 'later', code: 'budget_held', afterMs: undefined }],
    [502, 'provider_failed', { kind: 'later' }],
    [504, 'timeout', { kind: 'later' }],
    [409, 'client_side_tier', { kind: 'refused', code: 'client_side_tier' }],
    [400, 'context_length_exceeded', { kind: 'too_long' }],
    [413, 'payload_too_large', { kind: 'too_long' }],
    [400, 'unsupported_parameter', { kind: 'refused', code: 'unsupported_parameter' }],
  ])('%d %s', (status, code, meaning) => {
    expect(read(status, code)).toMatchObject(meaning);
  });

  it('is read from what is no JSON, too', () => {
    expect(readRefusal(503, new Headers(), '<html>busy</html>', now)).toEqual({
      kind: 'later',
      code: 'http_503',
      message: '<html>busy</html>',
      afterMs: undefined,
    });
    expect(readRefusal(404, new Headers(), '', now)).toMatchObject({ message: 'the gateway answered 404' });
  });

  it.each([
    ["This model's maximum context length is 8192 tokens. However, you requested 9000", 8_192],
    ['prompt is too long: 202,331 tokens > 200,000 maximum', 200_000],
    ['the request exceeds the available context size (4096), try increasing it', 4_096],
    ['no figure at all', undefined],
  ])('says how large the window is: %s', (message, tokens) => {
    expect(windowIn(message)).toBe(tokens);
  });
});

describe('how long it is waited', () => {
  it.each([
    [{ 'retry-after': '2' }, 2_000],
    [{ 'retry-after-ms': '150', 'retry-after': '2' }, 150],
    [{ 'retry-after': 'Sun, 29 Nov 2026 12:00:30 GMT' }, 30_000],
    [{ 'retry-after': 'Sun, 29 Nov 2026 11:00:00 GMT' }, 0],
    [{ 'retry-after': 'soon' }, undefined],
    [{}, undefined],
  ])('as %j asks', (headers, ms) => {
    expect(retryAfterMs(new Headers(headers as Record<string, string>), now)).toBe(ms);
  });

  it('or twice as long each time, up to a bound, spread', () => {
    const at = (attempt: number, random: number, asked?: number) =>
      waitMs({ ...RETRIES, random: () => random }, attempt, asked);
    expect([1, 2, 3, 20].map((attempt) => at(attempt, 0.5))).toEqual([500, 1_000, 2_000, 60_000]);
    expect([at(1, 0), at(1, 1)]).toEqual([250, 750]);
    expect([at(1, 0.5, 3_000), at(3, 0.5, 10)]).toEqual([3_000, 2_000]);
  });
});
