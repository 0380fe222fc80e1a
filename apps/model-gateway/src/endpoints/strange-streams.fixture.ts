import fc from 'fast-check';

type Protocol = 'chat' | 'messages' | 'responses';
type Event = { event?: string; data: string };

const json = (data: unknown): Event => ({ data: JSON.stringify(data) });
const named = (type: string, body: object = {}): Event => ({ event: type, data: JSON.stringify({ type, ...body }) });
const delta = (text: string) => named('content_block_delta', { index: 0, delta: { type: 'text_delta', text } });
const chunk = (content: string) =>
  json({ id: 'c', object: 'chat.completion.chunk', choices: [{ index: 0, delta: { content } }] });

const counts = fc.oneof(fc.nat(500), fc.constantFrom<unknown>(-5, 1.5, 1e300, null, 'many', undefined, 4_000_000_000));
const usage = fc.record({
  prompt_tokens: counts,
  completion_tokens: counts,
  input_tokens: counts,
  output_tokens: counts,
});

const item = { id: 'msg_1', type: 'message', role: 'assistant', content: [] };
const output = { output_index: 0, content_index: 0, item_id: item.id };

const piece: Record<Protocol, (text: string) => Event> = {
  chat: chunk,
  messages: delta,
  responses: (text) => named('response.output_text.delta', { ...output, delta: text }),
};
const failure: Record<Protocol, Event> = {
  chat: json({ error: { message: 'the model stopped', type: 'server_error' } }),
  messages: named('error', { error: { type: 'overloaded_error', message: 'Overloaded' } }),
  responses: named('response.failed', {
    response: { id: 'resp_1', status: 'failed', error: { code: 'server_error', message: 'the model stopped' } },
  }),
};
const opening: Record<Protocol, Event[]> = {
  chat: [json({ id: 'c', choices: [{ index: 0, delta: { role: 'assistant', content: '' } }] })],
  messages: [
    named('message_start', {
      message: {
        id: 'm',
        type: 'message',
        role: 'assistant',
        content: [],
        usage: { input_tokens: 3, output_tokens: 1 },
      },
    }),
    named('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
  ],
  responses: [
    named('response.created', { response: { id: 'resp_1', object: 'response', status: 'in_progress', output: [] } }),
    named('response.output_item.added', { output_index: 0, item }),
  ],
};
const closing: Record<Protocol, (told: object) => Event[]> = {
  chat: (told) => [
    json({ id: 'c', choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }),
    json({ id: 'c', choices: [], usage: told }),
    { data: '[DONE]' },
  ],
  messages: (told) => [
    named('content_block_stop', { index: 0 }),
    named('message_delta', { delta: { stop_reason: 'end_turn' }, usage: told }),
    named('message_stop'),
  ],
  responses: (told) => [
    named('response.output_text.done', { ...output, text: '' }),
    named('response.output_item.done', { output_index: 0, item }),
    named('response.completed', { response: { id: 'resp_1', status: 'completed', output: [item], usage: told } }),
  ],
};

/** What no server should send, and some do. */
const junk = fc.constantFrom(
  'data: {"choices": [',
  'data: 7',
  'data: null',
  'data: []',
  'data:',
  'data: {"choices":"none","type":"unheard_of"}',
  'data: {"choices":[null],"delta":null,"type":null}',
  'event: unheard_of\ndata: {"type":"unheard_of"}',
);
const harmless = fc.constantFrom(': a comment', 'retry: 5', 'id: 7', 'colour: blue');

/** An event as it may be written: in one line, or its JSON over several. */
const written = ({ event, data }: Event, spread: boolean): string => {
  const text = spread && data.startsWith('{') ? JSON.stringify(JSON.parse(data), null, 1) : data;
  return [...(event === undefined ? [] : [`event: ${event}`]), ...text.split('\n').map((line) => `data: ${line}`)].join(
    '\n',
  );
};

/** Bytes of a stream and where they are cut, from well-behaved to hopeless. */
export const strangeStream = (protocol: Protocol) =>
  fc
    .record({
      middle: fc.array(
        fc.oneof(
          {
            weight: 8,
            arbitrary: fc.string({ unit: 'grapheme' }).map((text) => written(piece[protocol](text), false)),
          },
          { weight: 3, arbitrary: fc.string().map((text) => written(piece[protocol](text), true)) },
          { weight: 3, arbitrary: harmless },
          { weight: 1, arbitrary: junk },
          { weight: 1, arbitrary: fc.constant(written(piece[protocol]('x'.repeat(300_000)), false)) },
          { weight: 1, arbitrary: fc.constant(written(failure[protocol], false)) },
          // Bytes that are no UTF-8; see below.
          { weight: 1, arbitrary: fc.constant(written(piece[protocol]('INVALID'), false)) },
        ),
        { maxLength: 8 },
      ),
      told: usage,
      opened: fc.nat(9).map((n) => n > 0),
      ends: fc.nat(4).map((n) => Math.min(n, 3)),
      newline: fc.constantFrom('\n', '\n', '\r\n', '\r'),
      cuts: fc.array(fc.nat(), { maxLength: 12 }),
      cut: fc.nat(5).map((n) => n === 0),
    })
    .map(({ middle, told, opened, ends, newline, cuts, cut }) => {
      const start = opened ? opening[protocol].map((event) => written(event, false)) : [];
      const end = closing[protocol](told)
        .slice(0, ends)
        .map((event) => written(event, false));
      const text = [...start, ...middle, ...end]
        .map((block) => `${block}\n\n`)
        .join('')
        .replaceAll('\n', newline);
      const [before = '', ...after] = text.split('INVALID');
      const bytes = Buffer.concat([
        Buffer.from(before),
        ...after.flatMap((rest) => [Buffer.from([0xff, 0xc3, 0x28]), Buffer.from(rest)]),
      ]);
      const places = [...cuts.map((at) => at % (bytes.length + 1)), 0, bytes.length].sort((a, b) => a - b);
      const pieces = places.slice(1).map((to, index) => bytes.subarray(places[index], to));
      return { pieces: pieces.filter(({ length }) => length > 0), cut };
    });
