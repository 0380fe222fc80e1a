import fc from 'fast-check';
import { ResponseStream } from 'openai/lib/responses/ResponseStream';
import { bodyOf } from '../../bodies/client-body.js';
import type { ChatCall } from '../dialect.js';
import type { SseEvent } from '../server-sent-events.js';
import { responses } from './responses.js';

const call = (more: object = {}): ChatCall => responses.read(bodyOf({ model: 'm', input: 'Hi', ...more }), {});

interface Tool {
  name: string;
  arguments: string;
}

interface Said {
  reasoning: string;
  content: string;
  refusal: string;
  tools: Tool[];
  finish: string;
}

const head = { id: 'chatcmpl-abc', created: 7, model: 'small' };
const usage = {
  prompt_tokens: 10,
  completion_tokens: 6,
  total_tokens: 16,
  prompt_tokens_details: { cached_tokens: 4 },
  completion_tokens_details: { reasoning_tokens: 2 },
};

const called = (tools: readonly Tool[]) =>
  tools.map((tool, index) => ({ id: `call_${index}`, type: 'function', function: tool }));

const completion = ({ tools, finish, ...message }: Said) => ({
  ...head,
  object: 'chat.completion',
  choices: [{ index: 0, message: { role: 'assistant', ...message, tool_calls: called(tools) }, finish_reason: finish }],
  usage,
});

const pieces = (text: string, size: number): string[] => text.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? [];

/** The same answer in deltas of a few characters, as providers stream it. */
function chunks({ tools, finish, ...texts }: Said, size: number) {
  const deltas: object[] = [{ role: 'assistant', content: '' }];
  for (const [name, text] of Object.entries(texts))
    for (const part of pieces(text, size)) deltas.push({ [name]: part });
  for (const [index, { function: tool, ...one }] of called(tools).entries()) {
    deltas.push({ tool_calls: [{ index, ...one, function: { name: tool.name, arguments: '' } }] });
    for (const part of pieces(tool.arguments, size))
      deltas.push({ tool_calls: [{ index, function: { arguments: part } }] });
  }
  return [
    ...deltas.map((delta) => ({ ...head, choices: [{ index: 0, delta, finish_reason: null }] })),
    { ...head, choices: [{ index: 0, delta: {}, finish_reason: finish }] },
    { ...head, choices: [], usage },
  ];
}

function streamed(said: Said, size: number): SseEvent[] {
  const writer = responses.writeStream(call());
  return [...chunks(said, size).flatMap((chunk) => writer.write({ chunk })), ...writer.end()];
}

type Event = { type: string; sequence_number: number; response?: { output?: unknown } };
const parsed = (events: readonly SseEvent[]) => events.map(({ data }) => JSON.parse(data) as Event);

/** As OpenAI's own client puts a stream together. */
async function accumulated(events: readonly object[]): Promise<Record<string, unknown>> {
  const lines = events.map((event) => `${JSON.stringify(event)}\n`).join('');
  const stream = ResponseStream.fromReadableStream(new Blob([lines]).stream());
  return (await stream.finalResponse()) as unknown as Record<string, unknown>;
}

const answers = fc.record<Said>({
  reasoning: fc.string(),
  content: fc.string({ unit: 'grapheme' }),
  refusal: fc.string(),
  tools: fc.array(fc.record({ name: fc.string({ minLength: 1 }), arguments: fc.json() }), { maxLength: 3 }),
  finish: fc.constantFrom('stop', 'length', 'tool_calls', 'content_filter'),
});

it('streams events that OpenAI’s client puts together to the answer in one piece', async () => {
  await fc.assert(
    fc.asyncProperty(answers, fc.integer({ min: 1, max: 9 }), async (said, size) => {
      const whole = responses.fromChat(completion(said), call());
      const events = parsed(streamed(said, size));
      expect(await accumulated(events)).toMatchObject(whole);
      // By its steps alone, too: the client knows a last event without the output.
      delete events.at(-1)?.response?.output;
      expect(await accumulated(events)).toMatchObject(whole);
      expect(events.map(({ sequence_number: number }) => number)).toEqual(events.map((_, index) => index));
    }),
    { numRuns: 60 },
  );
});

it('tells of every step in OpenAI’s order', () => {
  const said = {
    reasoning: 'Hm.',
    content: 'Well.',
    refusal: '',
    tools: [{ name: 'look', arguments: '{"a":1}' }],
    finish: 'tool_calls',
  };
  const events = streamed(said, 100);
  expect(events.map(({ event }) => event?.replace('response.', ''))).toEqual([
    'created',
    'in_progress',
    'output_item.added',
    'content_part.added',
    'reasoning_text.delta',
    'reasoning_text.done',
    'content_part.done',
    'output_item.done',
    'output_item.added',
    'content_part.added',
    'output_text.delta',
    'output_text.done',
    'content_part.done',
    'output_item.done',
    'output_item.added',
    'function_call_arguments.delta',
    'function_call_arguments.done',
    'output_item.done',
    'completed',
  ]);
});

it('makes a response of a chat completion, with what was asked for', () => {
  const asked = call({ instructions: 'Be brief.', max_output_tokens: 50, metadata: { a: 'b' }, temperature: 0 });
  const said = {
    reasoning: 'Hm.',
    content: 'Well.',
    refusal: '',
    tools: [{ name: 'look', arguments: '{}' }],
    finish: 'length',
  };
  expect(responses.fromChat(completion(said), asked)).toMatchObject({
    id: 'resp_abc',
    object: 'response',
    created_at: 7,
    model: 'small',
    status: 'incomplete',
    incomplete_details: { reason: 'max_output_tokens' },
    error: null,
    instructions: 'Be brief.',
    max_output_tokens: 50,
    metadata: { a: 'b' },
    temperature: 0,
    store: false,
    tools: [],
    output: [
      {
        id: 'rs_purser_abc_0',
        type: 'reasoning',
        summary: [],
        content: [{ type: 'reasoning_text', text: 'Hm.' }],
        status: 'completed',
      },
      {
        id: 'msg_abc_1',
        type: 'message',
        role: 'assistant',
        content: [{ type: 'output_text', text: 'Well.', annotations: [] }],
        status: 'completed',
      },
      { id: 'fc_abc_2', type: 'function_call', call_id: 'call_0', name: 'look', arguments: '{}', status: 'incomplete' },
    ],
    usage: {
      input_tokens: 10,
      input_tokens_details: { cached_tokens: 4 },
      output_tokens: 6,
      output_tokens_details: { reasoning_tokens: 2 },
      total_tokens: 16,
    },
  });
});

it('keeps calls apart whose pieces come in turns, or without a number', () => {
  const write = (deltas: object[]) => {
    const writer = responses.writeStream(call());
    for (const one of deltas)
      writer.write({ chunk: { ...head, choices: [{ index: 0, delta: { tool_calls: [one] } }] } });
    const { response } = parsed(writer.end()).at(-1) as {
      response: { output: { call_id: string; arguments: string }[] };
    };
    return response.output.map(({ call_id: id, arguments: given }) => [id, given]);
  };
  const begin = (id: string, rest: object = {}) => ({ id, function: { name: 'f', arguments: '[' }, ...rest });
  const end = (rest: object = {}) => ({ function: { arguments: ']' }, ...rest });
  const both = [
    ['a', '[]'],
    ['b', '[]'],
  ];
  expect(write([begin('a', { index: 0 }), begin('b', { index: 1 }), end({ index: 0 }), end({ index: 1 })])).toEqual(
    both,
  );
  expect(write([begin('a'), end(), begin('b'), end()])).toEqual(both);
});
