import type Anthropic from '@anthropic-ai/sdk';
import { ChunkWriter, toCompletion } from './to-openai.js';

const message = (more: object) =>
  ({
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'm',
    content: [{ type: 'text', text: 'Hi' }],
    stop_reason: 'end_turn',
    usage: { input_tokens: 3, output_tokens: 4 },
    ...more,
  }) as unknown as Anthropic.Message;

describe('toCompletion', () => {
  it('is a chat completion', () => {
    expect(toCompletion(message({}), 1795428000)).toEqual({
      completion: {
        id: 'msg_1',
        object: 'chat.completion',
        created: 1795428000,
        model: 'm',
        choices: [
          {
            index: 0,
            message: { role: 'assistant', content: 'Hi', refusal: null },
            logprobs: null,
            finish_reason: 'stop',
          },
        ],
        usage: { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7, prompt_tokens_details: { cached_tokens: 0 } },
      },
      usage: { inputTokens: 3, outputTokens: 4, cachedTokens: 0 },
    });
  });

  it('has thoughts and tool calls under OpenAI’s names', () => {
    const content = [
      { type: 'thinking', thinking: 'Hm.', signature: 's' },
      { type: 'redacted_thinking', data: 'x' },
      { type: 'tool_use', id: 'toolu_1', name: 'look', input: { at: 'it' } },
    ];
    expect(toCompletion(message({ content, stop_reason: 'tool_use' }), 0).completion).toMatchObject({
      choices: [
        {
          message: {
            content: null,
            reasoning_content: 'Hm.',
            tool_calls: [{ id: 'toolu_1', type: 'function', function: { name: 'look', arguments: '{"at":"it"}' } }],
          },
          finish_reason: 'tool_calls',
        },
      ],
    });
  });

  it.each([
    ['end_turn', 'stop'],
    ['stop_sequence', 'stop'],
    ['pause_turn', 'stop'],
    ['max_tokens', 'length'],
    ['model_context_window_exceeded', 'length'],
    ['tool_use', 'tool_calls'],
    ['refusal', 'content_filter'],
  ])('ends with %s as %s', (reason, expected) => {
    expect(toCompletion(message({ stop_reason: reason }), 0).completion).toMatchObject({
      choices: [{ finish_reason: expected }],
    });
  });

  it('says what a refusal says', () => {
    const refusal = {
      content: [],
      stop_reason: 'refusal',
      stop_details: { type: 'refusal', explanation: 'Not that.' },
    };
    expect(toCompletion(message(refusal), 0).completion).toMatchObject({
      choices: [{ message: { content: null, refusal: 'Not that.' } }],
    });
    expect(toCompletion(message({ ...refusal, stop_details: null }), 0).completion).toMatchObject({
      choices: [{ message: { refusal: expect.stringContaining('safety') as string } }],
    });
  });
});

describe('ChunkWriter', () => {
  const write = (events: object[]) => {
    const writer = new ChunkWriter(7);
    const chunks = events.flatMap((event) => [...writer.chunks(event as Anthropic.RawMessageStreamEvent)]);
    return {
      writer,
      chunks,
      deltas: chunks.flatMap(({ chunk }) => (chunk.choices as { delta: object }[]).map((c) => c.delta)),
    };
  };
  const start = { type: 'message_start', message: message({ content: [], stop_reason: null }) };
  const tool = (index: number, id: string, ...json: string[]) => [
    { type: 'content_block_start', index, content_block: { type: 'tool_use', id, name: 'look', input: {} } },
    ...json.map((partial_json) => ({
      type: 'content_block_delta',
      index,
      delta: { type: 'input_json_delta', partial_json },
    })),
    { type: 'content_block_stop', index },
  ];
  const end = (reason: string, more: object = {}) => [
    { type: 'message_delta', delta: { stop_reason: reason, ...more }, usage: { output_tokens: 9 } },
    { type: 'message_stop' },
  ];

  it('numbers tool calls through, and gives each its arguments', () => {
    const { deltas, chunks } = write([
      start,
      { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
      { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Well.' } },
      { type: 'content_block_stop', index: 0 },
      ...tool(1, 'a', '', '{"at":', '"it"}'),
      ...tool(2, 'b', ''),
      ...end('tool_use'),
    ]);
    expect(deltas).toEqual([
      { role: 'assistant', content: '' },
      { content: 'Well.' },
      { tool_calls: [{ index: 0, id: 'a', type: 'function', function: { name: 'look', arguments: '' } }] },
      { tool_calls: [{ index: 0, function: { arguments: '{"at":' } }] },
      { tool_calls: [{ index: 0, function: { arguments: '"it"}' } }] },
      { tool_calls: [{ index: 1, id: 'b', type: 'function', function: { name: 'look', arguments: '' } }] },
      { tool_calls: [{ index: 1, function: { arguments: '{}' } }] },
      {},
    ]);
    expect(chunks.at(-2)?.chunk).toMatchObject({
      id: 'msg_1',
      created: 7,
      model: 'm',
      choices: [{ finish_reason: 'tool_calls' }],
    });
    expect(chunks.at(-1)).toMatchObject({
      chunk: { choices: [], usage: { prompt_tokens: 3, completion_tokens: 9 } },
      usage: { inputTokens: 3, outputTokens: 9 },
    });
  });

  it('passes thoughts on, without their signature', () => {
    const delta = (more: object) => ({ type: 'content_block_delta', index: 0, delta: more });
    const { deltas } = write([
      start,
      { type: 'content_block_start', index: 0, content_block: { type: 'thinking', thinking: '', signature: '' } },
      delta({ type: 'thinking_delta', thinking: 'Hm.' }),
      delta({ type: 'thinking_delta', thinking: '' }),
      delta({ type: 'signature_delta', signature: 'x' }),
      { type: 'content_block_stop', index: 0 },
    ]);
    expect(deltas.slice(1)).toEqual([{ reasoning_content: 'Hm.' }]);
  });

  it('ends with a refusal', () => {
    const { deltas, chunks } = write([start, ...end('refusal', { stop_details: { explanation: 'Not that.' } })]);
    expect(deltas.at(-1)).toEqual({ refusal: 'Not that.' });
    expect(chunks.at(-2)?.chunk).toMatchObject({ choices: [{ finish_reason: 'content_filter' }] });
  });

  it('knows whether the end has come, and makes up no usage', () => {
    expect(write([start]).writer.ended).toBe(false);
    const { writer, chunks } = write([
      start,
      { type: 'message_delta', delta: { stop_reason: 'end_turn' } },
      { type: 'something_new' },
      { type: 'message_stop' },
    ]);
    expect(writer.ended).toBe(true);
    expect(chunks.filter(({ usage }) => usage)).toEqual([]);
  });
});
