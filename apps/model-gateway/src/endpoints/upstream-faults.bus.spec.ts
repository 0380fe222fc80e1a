import { openRawWorld, PROVIDERS, type RawAnswer, type RawWorld } from '../raw-upstream.fixture.js';

jest.setTimeout(60_000);
let world: RawWorld;
beforeAll(async () => {
  world = await openRawWorld();
});
afterAll(() => world.close());

/** Who asks, over which provider, and how that one answers: natively, or translated. */
const WAYS = [
  ['chat', 'openai'],
  ['messages', 'anthropic'],
  ['messages', 'openai'],
  ['chat', 'anthropic'],
] as const;
const PATHS = { chat: '/v1/chat/completions', messages: '/v1/messages' } as const;
type Protocol = keyof typeof PATHS;
type Provider = (typeof PROVIDERS)[number];

const LIMIT = 500;
const request = (model: string, stream: boolean) => ({
  model,
  max_tokens: LIMIT,
  stream,
  messages: [{ role: 'user', content: 'Hello' }],
});

const frame = (data: object) => `data: ${JSON.stringify(data)}\n\n`;
const named = (type: string, body: object = {}) => `event: ${type}\ndata: ${JSON.stringify({ type, ...body })}\n\n`;
const SAID = 'Hello there.';

interface Told {
  input: unknown;
  output: unknown;
}

/** A good answer of a provider in its own protocol, with this usage, or none. */
function answerOf(provider: Provider, stream: boolean, told?: Told): RawAnswer {
  if (provider === 'anthropic') {
    const usage = told && { input_tokens: told.input, output_tokens: told.output };
    const message = { id: 'm', type: 'message', role: 'assistant', model: 'raw', content: [] };
    if (!stream) {
      const body = { ...message, content: [{ type: 'text', text: SAID }], stop_reason: 'end_turn', usage };
      return { contentType: 'application/json', pieces: [JSON.stringify(body)] };
    }
    return {
      pieces: [
        named('message_start', {
          message: { ...message, usage: told && { input_tokens: told.input, output_tokens: 1 } },
        }),
        named('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
        named('content_block_delta', { index: 0, delta: { type: 'text_delta', text: SAID } }),
        named('content_block_stop', { index: 0 }),
        named('message_delta', { delta: { stop_reason: 'end_turn' }, usage }),
        named('message_stop'),
      ],
    };
  }
  const usage = told && { prompt_tokens: told.input, completion_tokens: told.output };
  const head = { id: 'c', created: 0, model: 'raw' };
  const choice = { index: 0, message: { role: 'assistant', content: SAID }, finish_reason: 'stop' };
  if (!stream)
    return {
      contentType: 'application/json',
      pieces: [JSON.stringify({ ...head, object: 'chat.completion', choices: [choice], usage })],
    };
  const chunk = (delta: object, finish: string | null = null) =>
    frame({ ...head, object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason: finish }] });
  return {
    pieces: [
      chunk({ role: 'assistant', content: SAID }),
      chunk({}, 'stop'),
      ...(usage ? [frame({ ...head, object: 'chat.completion.chunk', choices: [], usage })] : []),
      'data: [DONE]\n\n',
    ],
  };
}

async function call(spoken: Protocol, provider: Provider, stream: boolean, answer: RawAnswer) {
  world.upstream.answer = answer;
  const before = world.upstream.calls;
  const { status, text } = await world.ask(PATHS[spoken], request(world.fresh(provider), stream));
  const [spend, ...more] = await world.settled(1);
  if (!spend) throw new Error('nothing was settled');
  expect([world.upstream.calls - before, more]).toEqual([1, []]);
  return { status, text, spend };
}

/** At the one price of the fixture, $10 per million tokens. */
const usd = (tokens: number) => tokens / 100_000;

describe.each(WAYS)('%s over %s', (spoken, provider) => {
  describe.each([false, true])('(streaming: %s)', (stream) => {
    it('pays what the usage says', async () => {
      const { status, spend } = await call(
        spoken,
        provider,
        stream,
        answerOf(provider, stream, { input: 9, output: 4 }),
      );
      expect(status).toBe(200);
      expect(spend).toMatchObject({ outcome: 'ok', finality: 'final', inputTokens: 9, outputTokens: 4 });
      expect(Number(spend.amountUsd)).toBeCloseTo(usd(13), 9);
    });

    it.each([
      ['is missing', undefined],
      ['is negative', { input: 9, output: -4 }],
      ['is no number', { input: 'some', output: null }],
      ['is past all counting', { input: 1e300, output: 4 }],
    ])('pays its hold when the usage %s', async (_, told) => {
      const { status, text, spend } = await call(spoken, provider, stream, answerOf(provider, stream, told));
      expect([status, text.includes(SAID)]).toEqual([200, true]);
      expect(spend).toMatchObject({ outcome: 'ok', finality: 'presumed', amountUsd: spend.holdUsd });
    });

    it('records a usage beyond its hold in full', async () => {
      const { spend } = await call(spoken, provider, stream, answerOf(provider, stream, { input: 9, output: 90_000 }));
      expect(spend).toMatchObject({ outcome: 'ok', finality: 'final', outputTokens: 90_000 });
      expect(Number(spend.amountUsd)).toBeCloseTo(usd(90_009), 9);
    });

    it('pays its hold when the connection is cut', async () => {
      const whole = answerOf(provider, stream, { input: 9, output: 4 });
      const [first = '', second = ''] = whole.pieces as string[];
      const cut = stream ? [first, second.slice(0, 20)] : [first.slice(0, first.length / 2)];
      const { status, text, spend } = await call(spoken, provider, stream, { ...whole, pieces: cut, cut: true });
      if (status === 200) expect(text).toMatch(spoken === 'chat' ? /data: \{"error":/ : /event: error/);
      else expect(JSON.parse(text)).toHaveProperty('error.message');
      expect(spend).toMatchObject({ outcome: 'unknown', finality: 'presumed', amountUsd: spend.holdUsd });
    });

    it('pays nothing in a storm of refusals, and asks no more for as long as it is told', async () => {
      const body = JSON.stringify({ error: { type: 'rate_limit_error', message: 'Slow down.' } });
      const refusal = {
        status: 429,
        contentType: 'application/json',
        headers: { 'retry-after': '60' },
        pieces: [body],
      };
      world.upstream.answer = refusal;
      const before = world.upstream.calls;
      const model = world.fresh(provider);
      const first = await world.ask(PATHS[spoken], request(model, stream));
      const storm = await Promise.all(
        Array.from({ length: 10 }, () => world.ask(PATHS[spoken], request(model, stream))),
      );
      for (const { status, text } of [first, ...storm]) {
        expect(status).toBe(503);
        expect(JSON.parse(text)).toHaveProperty('error.message');
      }
      expect(world.upstream.calls - before).toBe(1);
      expect(await world.settled(1)).toMatchObject([{ outcome: 'failed', amountUsd: '0.00', finality: 'final' }]);
    });

    it('waits for a slow first byte', async () => {
      const slow = { ...answerOf(provider, stream, { input: 9, output: 4 }), latencyMs: 400 };
      const { status, text, spend } = await call(spoken, provider, stream, slow);
      expect([status, text.includes(SAID), spend.outcome, spend.finality]).toEqual([200, true, 'ok', 'final']);
    });
  });
});

it.each([
  ['chat', false],
  ['chat', true],
  ['messages', false],
  ['messages', true],
] as const)(
  '%s over a provider that bills what it delivers is counted without usage (streaming: %s)',
  async (spoken, stream) => {
    const { spend } = await call(spoken, 'delivered', stream, answerOf('delivered', stream));
    expect(spend).toMatchObject({ outcome: 'ok', finality: 'estimate' });
    // No more than its hold, which has room for the whole limit; no less than a token for each byte that came.
    expect(Number(spend.amountUsd)).toBeLessThanOrEqual(Number(spend.holdUsd) - usd(LIMIT - SAID.length - 64) + 1e-9);
    expect(Number(spend.amountUsd)).toBeGreaterThan(usd(SAID.length + 64));
  },
);
