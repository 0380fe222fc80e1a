import { eventually } from '@purser/testing';
import type OpenAI from 'openai';
import type { ChatCompletionCreateParamsNonStreaming } from 'openai/resources/chat/completions';
import { openWorld, type World } from '../gateway.fixture.js';
import { type RawAnswer, type RawUpstream, sayLater, startRawUpstream } from './raw-upstream.fixture.js';

jest.setTimeout(60_000);
/** One for each test that fails: a model that failed is left alone for a while. */
const MODELS = Array.from({ length: 24 }, (_, index) => `raw-${index}`);
let world: World;
let upstream: RawUpstream;
let model: string;
let tests = 0;

beforeAll(async () => {
  upstream = await startRawUpstream(MODELS);
  world = await openWorld({
    env: { OPENAI_BASE_URL: upstream.url },
    openai: { protocols: ['chat-completions', 'responses'] },
    ladders: Object.fromEntries(
      MODELS.map((name) => [
        `only_${name.replace('-', '_')}`,
        { tier_1_paid: { provider: 'openai', model: name, cost_per_1k_tokens: 0.01, maxOutputTokens: 4_096 } },
      ]),
    ),
  });
});
afterAll(async () => {
  await world.close();
  await upstream.close();
});
beforeEach(() => {
  world.watchdog.spends.length = 0;
  model = MODELS[tests] ?? '';
  tests += 1;
});

const messages = [{ role: 'user' as const, content: 'Hi' }];
const usage = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 };
const chunk = (rest: object) =>
  JSON.stringify({ id: 'x', object: 'chat.completion.chunk', created: 0, model, ...rest });
const says = (content: string) => chunk({ choices: [{ index: 0, delta: { content }, finish_reason: null }] });
const stops = () => chunk({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] });
const events = (...data: string[]) => data.map((one) => `data: ${one}\n\n`);
const next = (answer: RawAnswer) => {
  upstream.answer = answer;
};
const json = (value: object): RawAnswer => ({ contentType: 'application/json', parts: [JSON.stringify(value)] });

const spend = () =>
  eventually(() => {
    const found = world.watchdog.spends.find((one) => one.model === model);
    expect(found).toBeDefined();
    return found;
  });
const failure = (work: Promise<unknown>) =>
  work.then(
    () => {
      throw new Error('it succeeded');
    },
    (error: unknown) => error as InstanceType<typeof OpenAI.APIError>,
  );

async function streamed(more: object = {}): Promise<OpenAI.ChatCompletionChunk[]> {
  const stream = await world.client().chat.completions.create({ model, messages, ...more, stream: true });
  const seen: OpenAI.ChatCompletionChunk[] = [];
  for await (const one of stream) seen.push(one);
  return seen;
}
const textOf = (chunks: OpenAI.ChatCompletionChunk[]) =>
  chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('');

describe('chat completions untranslated', () => {
  it('carry every parameter there and everything of the answer back', async () => {
    const answer = {
      id: 'x',
      object: 'chat.completion',
      created: 0,
      model,
      system_fingerprint: 'fp',
      choices: [0, 1].map((index) => ({
        index,
        message: { role: 'assistant', content: '{}', refusal: null, vendor_note: 'n' },
        logprobs: { content: [{ token: '{}', logprob: -0.5, bytes: [123, 125], top_logprobs: [] }], refusal: null },
        finish_reason: 'stop',
      })),
      usage,
    };
    next(json(answer));
    const asked = {
      n: 2,
      logprobs: true,
      top_logprobs: 1,
      seed: 7,
      stop: ['END'],
      response_format: { type: 'json_object' },
      vendor_option: { deep: [1, null, 1.5] },
    } as Partial<ChatCompletionCreateParamsNonStreaming>;
    const completion = await world.client().chat.completions.create({ model, messages, ...asked });
    expect(completion).toEqual(answer);
    expect(upstream.asked.at(-1)).toMatchObject({
      model,
      messages,
      ...asked,
      max_tokens: expect.any(Number) as number,
    });
    // 15 tokens at $0.01 per thousand.
    expect(await spend()).toMatchObject({ outcome: 'ok', finality: 'final', amountUsd: '0.000150' });
  });

  it('tell the usage of a stream to those alone who asked for it', async () => {
    next({ parts: events(says('Hi'), stops(), chunk({ choices: [], usage }), '[DONE]') });
    expect((await streamed()).every(({ choices }) => choices.length === 1)).toBe(true);
    expect(upstream.asked.at(-1)?.stream_options).toEqual({ include_usage: true });
    expect(await spend()).toMatchObject({ outcome: 'ok', amountUsd: '0.000150' });
    const told = await streamed({ stream_options: { include_usage: true } });
    expect(told.at(-1)).toMatchObject({ choices: [], usage });
  });

  it('may be framed with CRLF, with comments and names, and cut anywhere', async () => {
    const text = 'größer, 🪙 and “𝄞”';
    const all = `: hello\r\n\r\nevent: message\r\nid: 1\r\ndata: ${says(text)}\r\n\r\ndata: ${stops()}\r\n\r\ndata: ${chunk({ choices: [], usage })}\r\n\r\ndata: [DONE]\r\n\r\n`;
    // Every byte by itself, so that lines, events and characters are all cut in their middles.
    next({ parts: [...Buffer.from(all)].map((byte) => Uint8Array.of(byte)) });
    expect(textOf(await streamed())).toBe(text);
    expect(await spend()).toMatchObject({ outcome: 'ok', amountUsd: '0.000150' });
  });

  it('wait for a client that does not read, and lose nothing', async () => {
    const count = 64;
    let taken = 0;
    const parts = function* () {
      for (let number = 0; number < count; number++) {
        yield* events(says(`${number}`.padEnd(1024 * 1024, '.')));
        taken += 1;
      }
      yield* events(stops(), chunk({ choices: [], usage }), '[DONE]');
    };
    next({ parts: parts() as unknown as string[] });
    const stream = await world.client().chat.completions.create({ model, messages, stream: true });
    const chunks = stream[Symbol.asyncIterator]();
    let text = textOf([(await chunks.next()).value as OpenAI.ChatCompletionChunk]);
    // By then all of it would be here, if nobody waited.
    for (let call = 0; call < 100; call++) await world.client().models.list();
    expect(taken).toBeLessThan(count);
    for (let one = await chunks.next(); !one.done; one = await chunks.next()) text += textOf([one.value]);
    expect(text.match(/\d+/g)).toEqual(Array.from({ length: count }, (_, number) => `${number}`));
    expect(text).toHaveLength(count * 1024 * 1024);
    expect(await spend()).toMatchObject({ outcome: 'ok', amountUsd: '0.000150' });
  });

  it('may leave out the blank line at the end, and the last mark', async () => {
    const last = `data: ${chunk({ choices: [], usage })}`;
    next({ parts: [...events(says('Hi'), stops()), last] });
    expect(textOf(await streamed())).toBe('Hi');
    expect(await spend()).toMatchObject({ outcome: 'ok', amountUsd: '0.000150' });
  });

  it.each([
    ['an event that is not JSON', 'data: {"choices": [\n\n', false],
    ['an event that is no object', 'data: 5\n\n', false],
    ['a stream that just ends', '\n', false],
    ['a connection that breaks', '\n', true],
    ['an error', 'data: {"error": {"message": "broken"}}\n\n', false],
  ])('tell of %s within the stream, and cost their hold', async (_what, rest, cut) => {
    const later = sayLater();
    next({ parts: [...events(says('Hi')), later.said], cut });
    const stream = await world.client().chat.completions.create({ model, messages, stream: true });
    let text = '';
    const error = await failure(
      (async () => {
        for await (const { choices } of stream) {
          text += choices[0]?.delta.content ?? '';
          later.say(rest);
        }
      })(),
    );
    expect(text).toBe('Hi');
    expect(error).toMatchObject({ code: 'provider_failed' });
    const told = await spend();
    expect(told).toMatchObject({ outcome: 'unknown', finality: 'presumed', amountUsd: told?.holdUsd });
  });

  it.each([
    ['JSON for a stream', true, () => json({ choices: [], usage })],
    ['what is no JSON', false, () => ({ contentType: 'application/json', parts: ['<html>'] })],
    ['half of an answer', false, () => ({ contentType: 'application/json', parts: ['{"choices": ['], cut: true })],
  ] as const)('fail when the upstream answers %s', async (_what, stream, answer) => {
    next(answer());
    const error = await failure(world.client().chat.completions.create({ model, messages, stream }));
    expect(error.status).toBeGreaterThanOrEqual(500);
    const told = await spend();
    expect(told).toMatchObject({ outcome: 'unknown', finality: 'presumed', amountUsd: told?.holdUsd });
  });
});

describe('responses untranslated', () => {
  const event = (type: string, rest: object = {}) => `event: ${type}\ndata: ${JSON.stringify({ type, ...rest })}\n\n`;
  const response = (status: string, more: object = {}) => ({
    response: { id: 'r', object: 'response', status, output: [], ...more },
  });
  const begun = () =>
    event('response.created', { sequence_number: 0, ...response('in_progress') }) +
    event('response.output_text.delta', {
      sequence_number: 1,
      delta: 'größer',
      output_index: 0,
      content_index: 0,
      item_id: 'm',
    });
  const told = { usage: { input_tokens: 10, output_tokens: 5, total_tokens: 15 } };

  async function types(onEvent: () => void = () => undefined): Promise<string[]> {
    const stream = await world.client().responses.create({ model, input: 'Hi', stream: true });
    const seen: string[] = [];
    for await (const one of stream) {
      seen.push(one.type);
      onEvent();
    }
    return seen;
  }

  it('carry events that the gateway does not know, cut anywhere', async () => {
    const all =
      begun() +
      event('response.vendor.note', { text: '🪙' }) +
      event('response.completed', response('completed', told));
    next({ parts: [...Buffer.from(all.replaceAll('\n', '\r\n'))].map((byte) => Uint8Array.of(byte)) });
    expect(await types()).toEqual([
      'response.created',
      'response.output_text.delta',
      'response.vendor.note',
      'response.completed',
    ]);
    expect(await spend()).toMatchObject({ outcome: 'ok', finality: 'final', amountUsd: '0.000150' });
  });

  it.each([
    ['an event that is not JSON', 'data: {"type": \n\n', false],
    ['a stream that just ends', '\n', false],
    ['a connection that breaks', '\n', true],
    ['an error', event('error', { message: 'broken', code: null, param: null }), false],
    ['a response that failed', event('response.failed', response('failed', { error: { message: 'broken' } })), false],
  ])('tell of %s within the stream, and cost their hold', async (_what, rest, cut) => {
    const later = sayLater();
    next({ parts: [begun(), later.said], cut });
    expect(await failure(types(() => later.say(rest)))).toMatchObject({ code: 'provider_failed' });
    const settled = await spend();
    expect(settled).toMatchObject({ outcome: 'unknown', finality: 'presumed', amountUsd: settled?.holdUsd });
  });

  const failed = (usage: object) =>
    response('failed', { ...usage, error: { code: 'server_error', message: 'broken' } });
  const told15 = { outcome: 'failed', finality: 'final', amountUsd: '0.000150', inputTokens: 10, outputTokens: 5 };

  it('cost what a response that failed in mid-stream says', async () => {
    const later = sayLater();
    next({ parts: [begun(), later.said] });
    const broken = types(() => later.say(event('response.failed', failed(told))));
    expect(await failure(broken)).toMatchObject({ code: 'provider_failed' });
    expect(await spend()).toMatchObject(told15);
  });

  it('cost what an incomplete one says', async () => {
    next({ parts: [begun(), event('response.incomplete', response('incomplete', told))] });
    expect((await types()).at(-1)).toBe('response.incomplete');
    expect(await spend()).toMatchObject({ ...told15, outcome: 'ok' });
  });

  it('cost what a whole response that failed says', async () => {
    next(json(failed(told).response));
    const error = await failure(world.client().responses.create({ model, input: 'Hi' }));
    expect(error.status).toBeGreaterThanOrEqual(500);
    expect(await spend()).toMatchObject(told15);
  });

  it.each([
    ['JSON for a stream', true, () => json(response('completed', told).response)],
    ['a whole response that failed and tells no usage', false, () => json(failed({}).response)],
  ] as const)('fail when the upstream answers %s', async (_what, stream, answer) => {
    next(answer());
    const error = await failure(world.client().responses.create({ model, input: 'Hi', stream }));
    expect(error.status).toBeGreaterThanOrEqual(500);
    const settled = await spend();
    expect(settled).toMatchObject({ outcome: 'unknown', finality: 'presumed', amountUsd: settled?.holdUsd });
  });
});
