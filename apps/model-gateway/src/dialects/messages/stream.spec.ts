import Anthropic from '@anthropic-ai/sdk';
import { PurserError } from '@purser/contracts';
import fc from 'fast-check';
import { bodyOf } from '../../bodies/client-body.js';
import { formatEvent, type SseEvent } from '../server-sent-events.js';
import { anthropicErrorEvent } from './errors.js';
import { fromChat } from './from-chat.js';
import { readMessagesCall } from './request.js';
import { MessageStreamWriter } from './stream-writer.js';

const request = {
  model: 'm',
  max_tokens: 5_000,
  messages: [{ role: 'user' as const, content: 'Hi' }],
  thinking: { type: 'adaptive' as const },
};
const call = readMessagesCall(bodyOf(request), {});

type Delta = Record<string, unknown>;
const chunk = (delta: Delta, finish: string | null = null) => ({
  chunk: { id: 'chatcmpl-7', model: 'gpt', choices: [{ index: 0, delta, finish_reason: finish }] },
});
const usage = { prompt_tokens: 30, completion_tokens: 8, total_tokens: 38 };
const told = { chunk: { choices: [], usage }, usage: { inputTokens: 30, outputTokens: 8, cachedTokens: 0 } };

function write(deltas: readonly Delta[], finish = 'stop'): SseEvent[] {
  const writer = new MessageStreamWriter(call);
  const chunks = [...deltas.map((delta) => chunk(delta)), chunk({}, finish), told];
  return [...chunks.flatMap((one) => writer.write(one)), ...writer.end()];
}
const kinds = (events: readonly SseEvent[]) => events.map(({ event }) => event);

/** As the official client reads it. */
async function read(events: readonly SseEvent[]): Promise<Anthropic.Message> {
  const body = events.map(formatEvent).join('');
  const fetch = () =>
    Promise.resolve(new Response(body, { headers: { 'content-type': 'text/event-stream; charset=utf-8' } }));
  const message = await new Anthropic({ apiKey: 'x', fetch, maxRetries: 0 }).messages.stream(request).finalMessage();
  // The client parses the inputs of tools only when they are looked at.
  return JSON.parse(JSON.stringify(message)) as Anthropic.Message;
}

it('writes text as it comes, with an estimate first and the count at the end', () => {
  const writer = new MessageStreamWriter(call);
  const first = writer.write(chunk({ role: 'assistant', content: '' }));
  expect(kinds(first)).toEqual(['message_start']);
  expect(JSON.parse(first[0]?.data ?? '')).toMatchObject({
    type: 'message_start',
    message: {
      id: 'msg_7',
      model: 'gpt',
      content: [],
      stop_reason: null,
      usage: { input_tokens: 5, output_tokens: 0 },
    },
  });
  expect(writer.write(chunk({ content: 'One' }))).toEqual([
    {
      event: 'content_block_start',
      data: '{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"","citations":null}}',
    },
    {
      event: 'content_block_delta',
      data: '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"One"}}',
    },
  ]);
  expect(kinds(writer.write(chunk({ content: 'Two' })))).toEqual(['content_block_delta']);
  expect(writer.write(chunk({}, 'length'))).toEqual([]);
  expect(writer.write(told)).toEqual([]);
  const [stop, delta, end] = writer.end();
  expect(stop?.event).toBe('content_block_stop');
  expect(JSON.parse(delta?.data ?? '')).toMatchObject({
    type: 'message_delta',
    delta: { stop_reason: 'max_tokens' },
    usage: { input_tokens: 30, output_tokens: 8 },
  });
  expect(end).toEqual({ event: 'message_stop', data: '{"type":"message_stop"}' });
});

it('writes a tool call as it comes, and one that comes by turns with it when all is there', async () => {
  const tool = (index: number, json: string, more: object = {}) => ({
    tool_calls: [{ index, ...more, function: { ...more, arguments: json } }],
  });
  const writer = new MessageStreamWriter(call);
  const written = [
    tool(0, '', { id: 'a', name: 'one' }),
    tool(0, '{"x"'),
    tool(1, '{"y":', { id: 'b', name: 'two' }),
    tool(0, ':1}'),
    tool(1, '2}'),
    { content: 'And done.' },
  ].map((delta) => writer.write(chunk(delta)));
  expect(written.map(kinds)).toEqual([
    ['message_start', 'content_block_start'],
    ['content_block_delta'],
    [],
    ['content_block_delta'],
    [],
    [],
  ]);
  const message = await read([...written.flat(), ...writer.end()]);
  expect(message).toMatchObject({
    stop_reason: 'tool_use',
    content: [
      { type: 'tool_use', id: 'a', name: 'one', input: { x: 1 } },
      { type: 'tool_use', id: 'b', name: 'two', input: { y: 2 } },
      { type: 'text', text: 'And done.' },
    ],
  });
});

it('writes a message also when nothing came', async () => {
  expect(await read(new MessageStreamWriter(call).end())).toMatchObject({ content: [], stop_reason: 'end_turn' });
});

it('writes an error that the official client throws', async () => {
  const error = anthropicErrorEvent(new PurserError('provider_failed', { message: 'it broke' }));
  await expect(read([...write([{ content: 'Half' }]).slice(0, 3), error])).rejects.toMatchObject({
    type: 'api_error',
    apiMessage: 'it broke',
    errorCode: 'provider_failed',
  });
});

const cut = (value: string): fc.Arbitrary<string[]> =>
  fc.array(fc.nat(Math.max(0, value.length)), { maxLength: 4 }).map((at) => {
    const places = [0, ...at.sort((a, b) => a - b), value.length];
    return places.slice(1).map((end, index) => value.slice(places[index], end));
  });
const prose = fc.string({ maxLength: 12 });
const tools = fc.array(
  fc.record({
    name: fc.constantFrom('look', 'write'),
    input: fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 3 }),
  }),
  { maxLength: 3 },
);

/** An answer, and deltas that say it: cut anywhere, its tool calls and text in any order that chunks may come in. */
const answers = fc.record({ thought: prose, content: prose, tools }).chain(({ thought, content, tools: used }) => {
  const calls = used.map(({ name, input }, index) => ({
    index,
    id: `call_${index}`,
    function: { name, arguments: JSON.stringify(input) },
  }));
  const strands = [
    cut(thought).map((parts) => parts.map((reasoning): Delta => ({ reasoning }))),
    cut(content).map((parts) => parts.map((piece): Delta => ({ content: piece }))),
    ...calls.map(({ function: called, ...head }) =>
      cut(called.arguments).map((parts) =>
        parts.map((json, at): Delta => ({
          tool_calls: [
            at === 0
              ? { ...head, function: { name: called.name, arguments: json } }
              : { index: head.index, function: { arguments: json } },
          ],
        })),
      ),
    ),
  ];
  return fc.tuple(fc.tuple(...strands), fc.infiniteStream(fc.nat())).map(([queues, picks]) => ({
    message: { content, reasoning: thought, tool_calls: calls },
    deltas: merge(queues, picks),
  }));
});

function merge(strands: readonly Delta[][], picks: Iterable<number>): Delta[] {
  const left = strands.map((strand) => [...strand]);
  const merged: Delta[] = [];
  for (const pick of picks) {
    const open = left.filter((strand) => strand.length > 0);
    const next = open[pick % open.length]?.shift();
    if (!next) break;
    merged.push(next);
  }
  return merged;
}

it('says in a stream, to the official client, what the whole answer says', async () => {
  await fc.assert(
    fc.asyncProperty(answers, async ({ message, deltas }) => {
      const finish = message.tool_calls.length > 0 ? 'tool_calls' : 'stop';
      const completion = { id: 'chatcmpl-7', model: 'gpt', choices: [{ message, finish_reason: finish }], usage };
      const streamed = await read(write(deltas, finish));
      const whole = fromChat(completion, call) as unknown as Anthropic.Message;
      const said = ({ content }: Anthropic.Message) => ({
        text: content.map((block) => (block.type === 'text' ? block.text : '')).join(''),
        thought: content.map((block) => (block.type === 'thinking' ? block.thinking : '')).join(''),
        // In the order in which they began.
        tools: content
          .flatMap((block) => (block.type === 'tool_use' ? [block] : []))
          .sort((a, b) => (a.id < b.id ? -1 : 1)),
      });
      expect(said(streamed)).toEqual(JSON.parse(JSON.stringify(said(whole))));
      expect(streamed.stop_reason).toBe(whole.stop_reason);
      expect(streamed.usage).toMatchObject({ input_tokens: 30, output_tokens: 8 });
      expect(streamed.id).toBe(whole.id);
    }),
    { numRuns: 150 },
  );
});
