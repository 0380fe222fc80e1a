import { formatUsd, parseUsd } from '@purser/money';
import { eventually } from '@purser/testing';
import type OpenAI from 'openai';
import { FREE, hello, openWorld, PAID, type World } from '../gateway.fixture.js';
import { TestSpends } from '../test-spends.fixture.js';

jest.setTimeout(60_000);
let world: World;
const spends = new TestSpends(() => world);

beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());
beforeEach(() => spends.begin());

const oneSpend = () => spends.one();
const failure = (work: Promise<unknown>) =>
  work.then(
    () => {
      throw new Error('it succeeded');
    },
    (error: unknown) => error as InstanceType<typeof OpenAI.APIError>,
  );

describe('answers', () => {
  it('a capability with its paid tier, and says which it was and what it cost', async () => {
    const { data, response } = await world.client().chat.completions.create(hello('code_generation')).withResponse();
    expect(response.status).toBe(200);
    expect(data.choices[0]?.message.content).toContain(PAID);
    expect(response.headers.get('x-purser-tier')).toBe('tier_1_paid');
    expect(response.headers.get('x-purser-provider')).toBe('openai');
    expect(response.headers.get('x-purser-model')).toBe(PAID);
    expect(response.headers.get('x-purser-max-tokens-set')).toBe('1024');
    expect(response.headers.get('x-purser-fallback-reason')).toBeNull();
    const call = world.models.calls.at(-1);
    const spend = await oneSpend();
    expect(response.headers.get('x-purser-cost-usd')).toBe(spend?.amountUsd);
    expect(spend).toMatchObject({
      callId: response.headers.get('x-request-id'),
      provider: 'openai',
      model: PAID,
      capability: 'code_generation',
      key: 'admin',
      outcome: 'ok',
      finality: 'final',
      amountUsd: formatUsd(call?.billedNano ?? 0n),
      firstPaidUsd: formatUsd(call?.billedNano ?? 0n),
      inputTokens: call?.inputTokens,
      outputTokens: call?.outputTokens,
    });
  });

  it('a stream, piece by piece, with usage only for those who ask', async () => {
    const pieces: OpenAI.ChatCompletionChunk[] = [];
    const stream = await world.client().chat.completions.create({ ...hello('code_generation'), stream: true });
    for await (const piece of stream) pieces.push(piece);
    expect(pieces.map((piece) => piece.choices[0]?.delta.content ?? '').join('')).toContain(PAID);
    expect(pieces.every((piece) => piece.choices.length > 0)).toBe(true);
    expect((await oneSpend())?.amountUsd).toBe(formatUsd(world.models.calls.at(-1)?.billedNano ?? 0n));

    const asked = await world
      .client()
      .chat.completions.create({ ...hello('code_generation'), stream: true, stream_options: { include_usage: true } });
    let usage: OpenAI.CompletionUsage | null | undefined;
    for await (const piece of asked) usage = piece.usage ?? usage;
    expect(usage?.completion_tokens).toBe(world.models.calls.at(-1)?.outputTokens);
  });

  it('a concrete model, also with its provider’s name before it', async () => {
    for (const model of [PAID, `openai/${PAID}`, `ollama/${FREE}`]) {
      const { choices } = await world.client().chat.completions.create(hello(model));
      expect(choices[0]?.message.content).toContain(model.split('/').at(-1));
    }
  });

  it('within the caller’s limit, for every choice', async () => {
    world.models.script({ outputTokens: 5_000 }, { times: 1 });
    const { data, response } = await world
      .client()
      .chat.completions.create({ ...hello('code_generation'), max_tokens: 7, n: 2 })
      .withResponse();
    expect(data.choices.map((choice) => choice.finish_reason)).toEqual(['length', 'length']);
    expect(response.headers.get('x-purser-max-tokens-set')).toBeNull();
    const { holdUsd = '', inputTokens = 0 } = (await oneSpend()) ?? {};
    // The whole of both choices is held, at $10 per million, and no less input than was counted.
    expect(parseUsd(holdUsd)).toBeGreaterThan(2n * 7n * 10_000n + BigInt(inputTokens) * 1_000n);
  });

  it('with the free tier when the paid one is not there', async () => {
    await world.client().chat.completions.create(hello('with_missing'));
    const { tiers } = await world.ladders();
    expect(tiers.find(({ capability, free }) => capability === 'with_missing' && !free)).toMatchObject({
      available: false,
      reason: 'openai does not list the model "demo-missing"',
      price: { inputUsd: '10.00', cachedUsd: '10.00', outputUsd: '10.00' },
    });
    await eventually(() => {
      const missing = world.watchdog.spends.find(({ model }) => model === 'demo-missing');
      expect(missing).toMatchObject({ amountUsd: '0.00', outcome: 'failed' });
    });
  });

  it('a list of what can be asked for', async () => {
    const { data } = await world.client().models.list();
    const capabilities = ['code_generation', 'paid_only', 'with_missing', 'unpriced'];
    expect(data.map(({ id }) => id)).toEqual([...capabilities, PAID, FREE, 'demo-missing', 'demo-unpriced']);
  });
});

describe('refuses', () => {
  it.each([
    [{}, 401],
    [{ authorization: 'Bearer psk_wrong' }, 401],
    [{ authorization: 'Basic eDp5' }, 401],
  ])('without a valid key: %j', async (headers, status) => {
    const response = await fetch(`${world.gateway.url}/v1/models`, { headers });
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({
      error: {
        type: 'authentication_error',
        code: 'unauthorized',
        param: null,
        message: expect.stringContaining('key') as unknown,
      },
    });
  });

  it('a model that is not there, and names those that are', async () => {
    const error = await failure(world.client().chat.completions.create(hello('gpt-none')));
    expect(error).toMatchObject({ status: 404, code: 'model_not_found', param: 'model' });
    expect(error.message).toContain('code_generation');
  });

  it('what is not a request, in the shape that clients know', async () => {
    for (const body of ['{', '[]', { model: 'code_generation', messages: 'hi' }]) {
      const response = await world.post(body);
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({
        error: { type: 'invalid_request_error', code: 'invalid_request' },
      });
    }
  });

  it('a limit above what any tier can write', async () => {
    const error = await failure(world.client().chat.completions.create({ ...hello('paid_only'), max_tokens: 5_000 }));
    expect(error).toMatchObject({ status: 400, param: 'max_tokens' });
    expect(error.message).toContain('4096');
  });

  it('to pay for a model without a price', async () => {
    const calls = world.models.counters.calls;
    const error = await failure(world.client().chat.completions.create(hello('unpriced')));
    expect(error).toMatchObject({ status: 503, code: 'no_tier' });
    expect(error.message).toContain('purser prices set openai/demo-unpriced --input');
    expect(world.models.counters.calls).toBe(calls);
  });
});

describe('a provider that fails', () => {
  it('before its answer began costs nothing when it refused, and the next tier answers', async () => {
    world.models.script({ status: 429, headers: { 'retry-after': '1' } }, { model: PAID, times: 1 });
    const { data, response } = await world.client().chat.completions.create(hello('code_generation')).withResponse();
    expect(data.choices[0]?.message.content).toContain(FREE);
    expect(response.headers.get('x-purser-fallback-reason')).toMatch(/^tier_1_paid: failed \(rate_limited/);
    expect(response.headers.get('x-purser-cost-usd')).toBe('0.00');
    // What was saved by it is known: what the paid tier would have charged for these tokens.
    await eventually(() => {
      const free = spends.all().find(({ model }) => model === FREE);
      expect(free?.amountUsd).toBe('0.00');
      expect(parseUsd(free?.firstPaidUsd ?? '0')).toBeGreaterThan(0n);
    });
    const calls = world.models.countersOf(PAID).calls;
    const cooling = await world.client().chat.completions.create(hello('code_generation')).withResponse();
    expect(cooling.response.headers.get('x-purser-fallback-reason')).toContain('left alone');
    expect(world.models.countersOf(PAID).calls).toBe(calls);
    const alone = await world.post(hello('paid_only'));
    expect([alone.status, alone.headers.get('retry-after')]).toEqual([503, '1']);
    await eventually(async () => {
      const again = await world.client().chat.completions.create(hello('code_generation'));
      expect(again.choices[0]?.message.content).toContain(PAID);
    });
  });

  it('and may have worked costs its whole hold', async () => {
    world.models.script({ status: 500 }, { model: PAID, times: 1 });
    const { response } = await world.client().chat.completions.create(hello('code_generation')).withResponse();
    expect(response.headers.get('x-purser-tier')).toBe('tier_3_free');
    const failed = await eventually(() => {
      const found = world.watchdog.spends.find(({ outcome }) => outcome === 'unknown');
      expect(found).toBeDefined();
      return found;
    });
    expect(failed).toMatchObject({ finality: 'presumed', amountUsd: failed?.holdUsd });
    await recovered();
  });

  it('after its answer began is told inside the stream', async () => {
    world.models.script({ outputTokens: 40, dropAfterTokens: 12 }, { model: PAID, times: 1 });
    const stream = await world.client().chat.completions.create({ ...hello('code_generation'), stream: true });
    let text = '';
    const error = await failure(
      (async () => {
        for await (const piece of stream) text += piece.choices[0]?.delta.content ?? '';
      })(),
    );
    expect(text).not.toBe('');
    expect(error).toMatchObject({ code: 'provider_failed' });
    expect(await oneSpend()).toMatchObject({ outcome: 'unknown', finality: 'presumed' });
    await recovered();
  });

  it('and says no usage costs its whole hold', async () => {
    world.models.script({ omitUsage: true }, { model: PAID, times: 1 });
    await world.client().chat.completions.create(hello('code_generation'));
    const spend = await oneSpend();
    expect(spend).toMatchObject({ outcome: 'ok', finality: 'presumed', amountUsd: spend?.holdUsd });
  });

  it('and bills more than was held is recorded in full, and held for more from then on', async () => {
    const ask = () => world.client().chat.completions.create({ ...hello(PAID), max_tokens: 10 });
    await ask();
    const before = await oneSpend();
    world.watchdog.spends.length = 0;
    world.models.script({ ignoreLimit: true, outputTokens: 3_000 }, { model: PAID, times: 1 });
    await ask();
    const beyond = await oneSpend();
    expect(parseUsd(beyond?.amountUsd ?? '0')).toBe(world.models.calls.at(-1)?.billedNano);
    expect(parseUsd(beyond?.amountUsd ?? '0')).toBeGreaterThan(parseUsd(beyond?.holdUsd ?? '0'));
    world.watchdog.spends.length = 0;
    await ask();
    expect(parseUsd((await oneSpend())?.holdUsd ?? '0')).toBeGreaterThan(10n * parseUsd(before?.holdUsd ?? '0'));
  });

  /** Until the cool-down is over and nothing of this is under way any more. */
  const recovered = () =>
    eventually(async () => {
      const { response } = await world.client().chat.completions.create(hello(PAID)).withResponse();
      await eventually(() => {
        const last = world.watchdog.spends.at(-1);
        expect(last?.callId).toBe(response.headers.get('x-request-id'));
      });
    });
});

describe('a client that leaves', () => {
  it('has its call cancelled upstream, at the full hold where nobody promises less', async () => {
    world.models.script({ outputTokens: 400, chunkGapMs: 20 }, { model: PAID, times: 1 });
    const stream = await world.client().chat.completions.create({ ...hello(PAID), stream: true });
    for await (const _ of stream) break;
    await eventually(() => expect(world.models.calls.at(-1)?.state).toBe('cancelled'));
    const spend = await oneSpend();
    expect(spend).toMatchObject({ outcome: 'cancelled', finality: 'presumed', amountUsd: spend?.holdUsd });
  });

  it('without ever reading does not hold up the provider for ever', async () => {
    world.models.script({ outputTokens: 200_000, chunkTokens: 2_000 }, { model: FREE, times: 1 });
    const leave = new AbortController();
    const response = await fetch(`${world.gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${world.adminKey}` },
      body: JSON.stringify({ ...hello(`ollama/${FREE}`), stream: true, max_tokens: 200_000 }),
      signal: leave.signal,
    });
    expect(response.status).toBe(200);
    leave.abort();
    expect(await oneSpend()).toMatchObject({
      outcome: expect.stringMatching(/ok|cancelled/) as unknown,
      finality: 'final',
    });
  });

  it('before the answer began, too', async () => {
    world.models.script({ latencyMs: 20_000 }, { model: PAID, times: 1 });
    const leave = new AbortController();
    const calls = world.models.counters.running;
    const asked = world.client().chat.completions.create(hello('code_generation'), { signal: leave.signal });
    await eventually(() => expect(world.models.counters.running).toBe(calls + 1));
    leave.abort();
    await failure(asked);
    expect(await oneSpend()).toMatchObject({ outcome: 'cancelled', finality: 'presumed' });
    await eventually(() => expect(world.models.counters.running).toBe(calls));
  });
});

describe('keys', () => {
  it('carry their project and task into the ledger', async () => {
    const key = await world.createKey({ id: 'key-of-web', project: 'web', task: 'nightly', session: 's-1' });
    await world.client(key).chat.completions.create(hello('code_generation'));
    expect(await oneSpend()).toMatchObject({ key: 'key-of-web', project: 'web', task: 'nightly', session: 's-1' });
    const other = await fetch(`${world.gateway.url}/v1/models`, { headers: { 'x-api-key': key } });
    expect(other.status).toBe(200);
  });

  it('that are revoked or expired open nothing within two seconds', async () => {
    const key = await world.createKey({ id: 'key-revoked' });
    await world.client(key).models.list();
    await world.revokeKey('key-revoked');
    await eventually(
      async () => expect(await failure(world.client(key).models.list())).toMatchObject({ status: 401 }),
      {
        timeoutMs: 2_000,
      },
    );
    const late = await world.createKey({ expiresAt: new Date(Date.now() - 1).toISOString() });
    const error = await failure(world.client(late).models.list());
    expect(error).toMatchObject({ status: 401 });
    expect(error.message).toContain('expired');
  });
});
