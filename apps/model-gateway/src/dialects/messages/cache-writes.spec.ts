import { withoutCacheWrites } from './cache-writes.js';

const text = { type: 'text', text: 'x' };
const cached = (ttl?: string) => ({ ...text, cache_control: { type: 'ephemeral', ...(ttl ? { ttl } : {}) } });
const request = (...content: object[]) => ({ system: [text], messages: [{ role: 'user', content }] });

it.each<[object, boolean, boolean]>([
  [request(text), false, false],
  [request(text, cached()), true, false],
  [request(cached('5m')), true, false],
  [request(cached(), cached('1h')), true, true],
  [request(cached('a new one')), true, true],
  [{ ...request(text), tools: [{ name: 't', input_schema: {}, cache_control: { type: 'ephemeral' } }] }, true, false],
  [{ ...request(text), cache_control: { type: 'ephemeral', ttl: '1h' } }, true, true],
  [JSON.parse('{"messages":[{"content":[{"cache\\u005fcontrol":{"ttl":"1h"}}]}]}') as object, true, true],
])('%j may write to the cache: %s, for long: %s', (body, writes, long) => {
  expect(withoutCacheWrites(body).includes('cacheWrite')).toBe(!writes);
  expect(withoutCacheWrites(body).includes('cacheWriteLong')).toBe(!long);
});
