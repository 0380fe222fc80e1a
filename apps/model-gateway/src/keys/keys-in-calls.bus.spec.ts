import { eventually } from '@purser/testing';
import { FREE, hello, openWorld, PAID, type World } from '../gateway.fixture.js';

jest.setTimeout(60_000);
let world: World;

beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

const ask = (key: string, body: object) => world.post(body, { authorization: `Bearer ${key}` });
const codeOf = async (response: Response) => {
  const { error } = (await response.json()) as { error: { code: string; type: string } };
  return [response.status, error.code, error.type];
};

describe('a key with a list of models', () => {
  it('is served by these alone, with the others left out of the ladder', async () => {
    const key = await world.createKey({ models: ['ollama/*'] });
    const answer = await ask(key, hello('code_generation'));
    expect([answer.status, answer.headers.get('x-purser-model')]).toEqual([200, FREE]);
    expect(answer.headers.get('x-purser-fallback-reason')).toBeNull();
    expect(await codeOf(await ask(key, hello(PAID)))).toEqual([403, 'forbidden', 'permission_error']);
    expect((await ask(key, hello(FREE))).status).toBe(200);
  });
});

describe('a key with a list of capabilities', () => {
  it('gets no other, and no model by its name', async () => {
    const key = await world.createKey({ capabilities: ['code_generation'] });
    expect((await ask(key, hello('code_generation'))).headers.get('x-purser-model')).toBe(PAID);
    const calls = world.models.counters.calls;
    for (const model of ['paid_only', FREE]) expect((await ask(key, hello(model))).status).toBe(403);
    expect(world.models.counters.calls).toBe(calls);
  });
});

describe('a key with limits', () => {
  it('is told how its minute stands, and refused when it is used up, before anybody is called', async () => {
    const key = await world.createKey({ requestsPerMinute: 2 });
    const first = await ask(key, hello(FREE));
    expect(first.headers.get('x-ratelimit-limit-requests')).toBe('2');
    expect(first.headers.get('x-ratelimit-remaining-requests')).toBe('1');
    expect(first.headers.get('x-ratelimit-limit-tokens')).toBeNull();
    expect((await ask(key, { ...hello(FREE), stream: true })).headers.get('x-ratelimit-remaining-requests')).toBe('0');
    const calls = world.models.counters.calls;
    const refused = await ask(key, hello(FREE));
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(refused.headers.get('x-ratelimit-remaining-requests')).toBe('0');
    expect(refused.headers.get('x-should-retry')).toBeNull();
    expect(await codeOf(refused)).toEqual([429, 'rate_limited', 'rate_limit_error']);
    expect(world.models.counters.calls).toBe(calls);
  });

  it('gets back the tokens that a call did not take, whole or streamed', async () => {
    const key = await world.createKey({ tokensPerMinute: 3_000 });
    for (const stream of [false, true, false]) {
      const response = await ask(key, { ...hello(FREE), stream, max_tokens: 2_000 });
      expect(response.status).toBe(200);
      await response.text();
    }
    const tooMuch = await ask(key, { ...hello(FREE), max_tokens: 4_000 });
    expect(tooMuch.headers.get('x-should-retry')).toBe('false');
    expect(await codeOf(tooMuch)).toEqual([413, 'payload_too_large', 'invalid_request_error']);
  });

  it('gets back those of a call that nobody served, and may leave the output limit to the gateway', async () => {
    const key = await world.createKey({ tokensPerMinute: 2_000 });
    world.models.script({ status: 429, headers: { 'retry-after': '1' } }, { model: FREE, times: 2 });
    expect((await ask(key, { ...hello(FREE), max_tokens: 1_500 })).status).toBe(503);
    await eventually(async () => expect((await ask(key, hello(FREE))).status).toBe(200));
  });
});
