import type { PassThrough, PassThroughRequest } from '@purser/plugin-sdk';
import { bodyOf } from '../../bodies/client-body.js';
import type { StreamPiece } from '../../calls/way.js';
import { NativeTarget } from '../native-target.js';
import { messages } from './messages.js';

const frame = (type: string, body: object = {}) => `event: ${type}\ndata: ${JSON.stringify({ type, ...body })}\n\n`;
const start = frame('message_start', {
  message: {
    id: 'msg_1',
    usage: {
      input_tokens: 3,
      cache_creation_input_tokens: 50,
      cache_read_input_tokens: 20,
      cache_creation: { ephemeral_5m_input_tokens: 30, ephemeral_1h_input_tokens: 20 },
      output_tokens: 1,
      service_tier: 'standard',
    },
  },
});
const block = frame('content_block_start', { index: 0, content_block: { type: 'text', text: '' } });
const piece = frame('content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'Grüß' } });
const end = frame('message_delta', {
  delta: { stop_reason: 'end_turn' },
  usage: { input_tokens: null, output_tokens: 9 },
});
const stop = frame('message_stop');
const ping = frame('ping');
const signal = new AbortController().signal;
const sent: PassThroughRequest[] = [];

/** A provider that speaks Messages itself and answers this. */
function target(answer: string, { streaming = true, contentType = 'text/event-stream' } = {}): NativeTarget {
  const pass: PassThrough = {
    send: (request) => {
      sent.push(request);
      const bytes = Buffer.from(answer);
      // Cut in the middle of events and characters.
      const parts = [bytes.subarray(0, 333), bytes.subarray(333)];
      return Promise.resolve({
        contentType,
        body: (async function* () {
          for (const part of parts) yield await Promise.resolve(part);
        })(),
      });
    },
  };
  const body = { model: 'm', max_tokens: 9, stream: streaming, top_k: 3, messages: [{ role: 'user', content: 'Hi' }] };
  const call = messages.read(bodyOf(body), { 'anthropic-beta': 'b', authorization: 'Bearer secret' });
  return new NativeTarget(pass, messages, call, { name: 'claude', model: 'claude-x', maxOutputTokens: 7 }, 'full');
}

async function collect(answer: string): Promise<StreamPiece> {
  const all: StreamPiece = { frames: '', bytes: 0, usage: undefined };
  await target(answer).stream({ signal, heard: () => undefined }, ({ frames, bytes, usage }) => {
    all.frames += frames;
    all.bytes += bytes;
    all.usage = usage ?? all.usage;
    return undefined;
  });
  return all;
}

it('tells also of a sign of life that says nothing', async () => {
  const heard: number[] = [];
  let pieces = 0;
  const hear = () => void heard.push(pieces);
  const count = () => void (pieces += 1);
  const answer = `${': thinking\n\n'.repeat(40)}${[start, block, piece, end, stop].join('')}`;
  await target(answer).stream({ signal, heard: hear }, count);
  // The first part holds comments alone, and the end is no piece.
  expect([heard, pieces]).toEqual([[0, 1], 1]);
});

it('passes a stream on as it came, and reads along what it costs', async () => {
  const answer = [start, ping, block, piece, end, stop].join('');
  expect(await collect(answer)).toEqual({
    frames: answer,
    bytes: 6,
    usage: { inputTokens: 73, outputTokens: 9, cachedTokens: 20, cacheWriteTokens: 30, cacheWriteLongTokens: 20 },
  });
  const { body, headers } = sent.at(-1) ?? {};
  expect(JSON.parse(Buffer.concat(body ?? []).toString())).toEqual({
    model: 'claude-x',
    max_tokens: 7,
    stream: true,
    top_k: 3,
    messages: [{ role: 'user', content: 'Hi' }],
  });
  expect(headers).toEqual({ 'anthropic-beta': 'b' });
});

it.each([
  ['overloaded_error', 'overloaded'],
  ['rate_limit_error', 'rate_limited'],
  ['api_error', 'overloaded'],
])('knows %s in the middle of a stream for a failure that may be billed', async (type, kind) => {
  const failed = frame('error', { error: { type, message: 'it broke' } });
  await expect(collect([start, block, piece, failed].join(''))).rejects.toMatchObject({
    kind,
    message: 'it broke',
    mayBill: true,
  });
});

it('knows a stream that ended too early, or that cannot be read', async () => {
  await expect(collect([start, block, piece, end].join(''))).rejects.toMatchObject({
    kind: 'connection',
    mayBill: true,
  });
  await expect(collect(`${start}data: {"type": "message_\n\n`)).rejects.toMatchObject({ mayBill: true });
  await expect(collect(`${start}data: null\n\n`)).rejects.toMatchObject({ mayBill: true });
});

it('passes a whole answer on as it came', async () => {
  const answer = {
    content: [
      { type: 'thinking', thinking: 'Hm', signature: 's' },
      { type: 'text', text: 'abc' },
      { type: 'tool_use', id: 'x', name: 'n', input: { a: 1 } },
    ],
    usage: {
      input_tokens: 3,
      output_tokens: 9,
      output_tokens_details: { thinking_tokens: 4 },
      service_tier: 'priority',
    },
  };
  const whole = await target(JSON.stringify(answer), { streaming: false, contentType: 'application/json' }).whole({
    signal,
  });
  expect(JSON.parse(Buffer.from(whole.body as Uint8Array).toString())).toEqual(answer);
  expect(whole.bytes).toBe('Hm'.length + 'abc'.length + '{"a":1}'.length);
  expect(whole.usage).toEqual({
    inputTokens: 3,
    outputTokens: 9,
    cachedTokens: 0,
    reasoningTokens: 4,
    serviceTier: 'priority',
  });
});

it.each([undefined, null, {}, { input_tokens: 3 }, { input_tokens: -1, output_tokens: 2 }, { output_tokens: '9' }])(
  'takes %j for no usage',
  (usage) => {
    expect(messages.readAnswer({ usage, content: null })).toEqual({ usage: undefined, bytes: 0 });
  },
);

it('knows the faster service for another price', () => {
  const usage = { input_tokens: 1, output_tokens: 1, speed: 'fast', service_tier: 'standard' };
  expect(messages.readAnswer({ usage }).usage).toMatchObject({ serviceTier: 'fast' });
});
