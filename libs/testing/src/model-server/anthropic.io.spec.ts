import { type ModelServer, startModelServer } from './index.js';

const prices = {
  inputPerMillionUsd: 2,
  cachedPerMillionUsd: '0.2',
  cacheWritePerMillionUsd: '2.5',
  cacheWriteLongPerMillionUsd: 4,
  outputPerMillionUsd: 10,
};
const messages = [{ role: 'user', content: 'Say something short.' }];
/** 5 tokens of text and 3 of frame. */
const inputTokens = 8;

let server: ModelServer;
beforeEach(async () => {
  server = await startModelServer({ models: { large: prices }, apiKey: 'sk-ant-demo' });
});
afterEach(() => server.stop());

const standard = { 'x-api-key': 'sk-ant-demo', 'anthropic-version': '2023-06-01' };
const post = (path: string, body: object | string, headers: Record<string, string> = standard) =>
  fetch(server.url + path, { method: 'POST', headers, body: typeof body === 'string' ? body : JSON.stringify(body) });
const ask = (body: object = {}, headers?: Record<string, string>) =>
  post('/v1/messages', { model: 'large', max_tokens: 100, messages, ...body }, headers);

interface Event {
  type: string;
  index?: number;
  delta?: Record<string, unknown>;
  content_block?: Record<string, unknown>;
  [field: string]: unknown;
}
const events = (text: string): Event[] =>
  text
    .split('\n\n')
    .filter((part) => part !== '')
    .map((part) => {
      const [, name, data] = /^event: (.+)\ndata: (.+)$/.exec(part)!;
      const event = JSON.parse(data!) as Event;
      expect(event.type).toBe(name);
      return event;
    });

it('answers in one piece, tells cached and written tokens apart, and bills each at its price', async () => {
  server.script({ reply: 'twelve bytes', cachedTokens: 4, cacheWriteTokens: 2, cacheWriteLongTokens: 1 });
  expect(await (await ask()).json()).toMatchObject({
    type: 'message',
    role: 'assistant',
    model: 'large',
    content: [{ type: 'text', text: 'twelve bytes' }],
    stop_reason: 'end_turn',
    usage: {
      input_tokens: 1,
      cache_read_input_tokens: 4,
      cache_creation_input_tokens: 3,
      cache_creation: { ephemeral_5m_input_tokens: 2, ephemeral_1h_input_tokens: 1 },
      output_tokens: 3,
      service_tier: 'standard',
    },
  });
  // 1 x 2,000 + 4 x 200 + 2 x 2,500 + 1 x 4,000 + 3 x 10,000 nano-dollars
  expect(server.calls.at(-1)).toMatchObject({ api: 'anthropic', inputTokens, cachedTokens: 4, billedNano: 41_800n });
});

it('streams its blocks one after the other, with all counts at the end', async () => {
  server.script({
    thinking: 'Hm, well.',
    reply: 'Hello there, you.',
    toolCalls: [{ name: 'look', arguments: { at: 'it' } }],
  });
  const all = events(await (await ask({ stream: true })).text());
  expect(all[0]).toMatchObject({ type: 'message_start', message: { usage: { input_tokens: inputTokens } } });
  expect(all[1]).toEqual({ type: 'ping' });
  const starts = all.filter(({ type }) => type === 'content_block_start');
  expect(starts.map(({ index, content_block: block }) => [index, block?.type])).toEqual([
    [0, 'thinking'],
    [1, 'text'],
    [2, 'tool_use'],
  ]);
  const deltas = (name: string) =>
    all.flatMap(({ delta }) => (typeof delta?.[name] === 'string' ? [delta[name]] : [])).join('');
  expect(deltas('thinking')).toBe('Hm, well.');
  expect(deltas('signature')).not.toBe('');
  expect(deltas('text')).toBe('Hello there, you.');
  expect(deltas('partial_json')).toBe('{"at":"it"}');
  expect(all.at(-2)).toMatchObject({
    type: 'message_delta',
    delta: { stop_reason: 'tool_use' },
    usage: { output_tokens: server.calls.at(-1)!.outputTokens, output_tokens_details: { thinking_tokens: 3 } },
  });
  expect(all.at(-1)).toEqual({ type: 'message_stop' });
});

it.each([
  [{ outputTokens: 200 }, { stop_reason: 'max_tokens' }],
  [{ stopSequence: 'END' }, { stop_reason: 'stop_sequence', stop_sequence: 'END' }],
  [{ refusal: 'no' }, { stop_reason: 'refusal', stop_details: { explanation: 'no' } }],
  [{ toolCalls: [{ name: 'look', arguments: {} }] }, { stop_reason: 'tool_use' }],
])('says why it stopped: %j', async (behaviour, expected) => {
  server.script(behaviour);
  expect(await (await ask()).json()).toMatchObject(expected);
});

it('breaks a stream off with an error event', async () => {
  server.script({ outputTokens: 40, errorAfterTokens: 8, message: 'Overloaded' });
  const response = await ask({ stream: true });
  let text = '';
  const decoder = new TextDecoder();
  const reading = (async () => {
    for await (const part of response.body!) text += decoder.decode(part as Uint8Array, { stream: true });
  })();
  await expect(reading).rejects.toThrow('terminated');
  expect(events(text).at(-1)).toEqual({ type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } });
});

it('counts input tokens, and lists its models, without a bill', async () => {
  const counted = await post('/v1/messages/count_tokens', { model: 'large', system: 'Be brief.', messages });
  expect(await counted.json()).toEqual({ input_tokens: inputTokens + 6 });
  expect((await post('/v1/messages/count_tokens', { model: 'nobody', messages })).status).toBe(404);
  expect(await (await fetch(`${server.url}/v1/models`, { headers: standard })).json()).toMatchObject({
    data: [{ type: 'model', id: 'large', capabilities: null }],
    has_more: false,
  });
  expect(server.counters.calls).toBe(0);
});

it('refuses as Anthropic does', async () => {
  const refused = async (response: Response) => [response.status, await response.json()] as const;
  const error = (type: string, message: string) => ({
    type: 'error',
    error: { type, message },
    request_id: 'req_demo',
  });
  expect(await refused(await ask({}, { ...standard, 'x-api-key': 'wrong' }))).toEqual([
    401,
    error('authentication_error', 'invalid x-api-key'),
  ]);
  expect(await refused(await post('/v1/messages', '['))).toEqual([
    400,
    error('invalid_request_error', 'the body is not a JSON object'),
  ]);
  expect(await refused(await ask({ model: 'nobody' }))).toMatchObject([404, { error: { type: 'not_found_error' } }]);
  server.script({ status: 529, message: 'Overloaded' });
  expect(await refused(await ask())).toEqual([529, error('overloaded_error', 'Overloaded')]);
  expect(server.counters.billedNano).toBe(0n);
});

it.each([
  [{}, { 'x-api-key': 'sk-ant-demo' }, 'anthropic-version: header is required'],
  [{ n: 2 }, standard, 'n: Extra inputs are not permitted'],
  [{ max_tokens: undefined }, standard, 'max_tokens: Field required'],
  [{ temperature: 1.5 }, standard, 'temperature: range: 0..1'],
  [
    { temperature: 1 },
    { ...standard, 'anthropic-version': '2026-10-21' },
    'temperature: Extra inputs are not permitted',
  ],
  [{ stop_sequences: ['\n'] }, standard, 'stop_sequences: each stop sequence must contain non-whitespace'],
  [
    { messages: [{ role: 'developer', content: '' }] },
    standard,
    "messages.0.role: Input should be 'user' or 'assistant'",
  ],
  [
    { messages: [{ role: 'user', content: [{ type: 'text', text: '' }] }] },
    standard,
    'messages: text content blocks must be non-empty',
  ],
  [
    { messages: [{ role: 'user', content: [{ type: 'tool_result', tool_use_id: 'a', content: '' }] }] },
    standard,
    'messages.0: unexpected tool_use_id found in tool_result blocks: a',
  ],
  [
    { thinking: { type: 'enabled', budget_tokens: 2048 } },
    standard,
    '`max_tokens` must be greater than `thinking.budget_tokens`',
  ],
])('does not take %j', async (body, headers, message) => {
  const response = await ask(body, headers);
  expect([response.status, await response.json()]).toMatchObject([400, { error: { message } }]);
});
