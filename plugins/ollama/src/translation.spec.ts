import type { ChatResponse } from 'ollama';
import { hostToCall } from './connection.js';
import { toOllama } from './to-ollama.js';
import { ChunkWriter, toCompletion } from './to-openai.js';

const request = (more: object) => ({ model: 'm', messages: [], max_completion_tokens: 50, ...more });

describe('toOllama', () => {
  it('maps sampling, limit, stop and context window to options', () => {
    const asked = request({ temperature: 0, top_p: 0.5, seed: 7, stop: 'END', user: 'ada', store: false });
    expect(toOllama(asked, { contextTokens: 8192, keepAlive: '30m' })).toEqual({
      model: 'm',
      messages: [],
      keep_alive: '30m',
      options: { num_predict: 50, temperature: 0, top_p: 0.5, seed: 7, stop: ['END'], num_ctx: 8192 },
    });
  });

  it('lets the caller add options of Ollama’s own, but not raise the limit', () => {
    const asked = request({ options: { num_ctx: 4096, mirostat: 1, num_predict: 9999 }, top_k: 3, keep_alive: 0 });
    expect(toOllama(asked, { contextTokens: 8192, keepAlive: '30m' })).toEqual({
      model: 'm',
      messages: [],
      keep_alive: 0,
      options: { num_predict: 50, num_ctx: 4096, mirostat: 1, top_k: 3 },
    });
  });

  it.each([
    [{ response_format: { type: 'json_object' } }, { format: 'json' }],
    [
      { response_format: { type: 'json_schema', json_schema: { name: 'x', schema: { type: 'object' } } } },
      { format: { type: 'object' } },
    ],
    [{ response_format: { type: 'text' } }, {}],
    [{ reasoning_effort: 'high' }, { think: 'high' }],
    [{ reasoning_effort: 'none' }, { think: false }],
    [{ reasoning_effort: 'minimal' }, {}],
  ])('maps %j', (asked, expected) => {
    expect(toOllama(request(asked), {})).toEqual({
      model: 'm',
      messages: [],
      options: { num_predict: 50 },
      ...expected,
    });
  });

  it('maps a conversation with tools and images', () => {
    const messages = [
      { role: 'developer', content: 'Be brief.' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What is' },
          { type: 'text', text: 'this?' },
          { type: 'image_url', image_url: { url: 'data:image/png;base64,aGk=' } },
        ],
      },
      {
        role: 'assistant',
        content: null,
        reasoning_content: 'I should look.',
        tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'look', arguments: '{"at":"it"}' } }],
      },
      { role: 'tool', tool_call_id: 'call_1', content: 'a cat' },
    ];
    expect(toOllama(request({ messages }), {}).messages).toEqual([
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'What is\nthis?', images: ['aGk='] },
      {
        role: 'assistant',
        content: '',
        thinking: 'I should look.',
        tool_calls: [{ function: { name: 'look', arguments: { at: 'it' } } }],
      },
      { role: 'tool', content: 'a cat', tool_name: 'look' },
    ]);
  });

  it.each([
    [{ type: 'image_url', image_url: { url: 'https://example.org/cat.png' } }, 'only as data: URLs'],
    [{ type: 'input_audio' }, 'no content parts of type "input_audio"'],
  ])('refuses %j', (part, message) => {
    const messages = [{ role: 'user', content: [part] }];
    expect(() => toOllama(request({ messages }), {})).toThrow(message);
  });
});

const line = (more: object) =>
  ({
    model: 'm',
    created_at: '2026-11-23T10:00:00Z',
    message: { role: 'assistant', content: '' },
    ...more,
  }) as never as ChatResponse;
const call = { function: { name: 'look', arguments: { at: 'it' } } };

describe('to OpenAI', () => {
  it('turns tool calls and thinking into OpenAI’s', () => {
    const message = { role: 'assistant', content: '', thinking: 'hm', tool_calls: [call, call] };
    const { completion } = toCompletion(line({ message, done: true, done_reason: 'stop', eval_count: 4 }));
    expect(completion).toMatchObject({
      created: 1795428000,
      choices: [
        {
          finish_reason: 'tool_calls',
          message: {
            content: null,
            reasoning_content: 'hm',
            tool_calls: [{ type: 'function', function: { name: 'look', arguments: '{"at":"it"}' } }, {}],
          },
        },
      ],
      usage: { prompt_tokens: 0, completion_tokens: 4, total_tokens: 4 },
    });
  });

  it('numbers the tool calls of a stream through', () => {
    const writer = new ChunkWriter();
    const message = { role: 'assistant', content: '', tool_calls: [call] };
    const chunks = [
      ...writer.chunks(line({ message, done: false })),
      ...writer.chunks(line({ message, done: false })),
      ...writer.chunks(line({ done: true, done_reason: 'stop', prompt_eval_count: 3, eval_count: 9 })),
    ].map(
      ({ chunk }) => chunk as { choices: { delta: { tool_calls?: { index: number }[] }; finish_reason: string }[] },
    );
    expect(chunks.flatMap((chunk) => chunk.choices[0]?.delta.tool_calls?.map((one) => one.index) ?? [])).toEqual([
      0, 1,
    ]);
    expect(chunks[0]).toMatchObject({ choices: [{ delta: { role: 'assistant' } }] });
    expect(chunks.at(-2)).toMatchObject({ choices: [{ finish_reason: 'tool_calls' }] });
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: 12 } });
  });
});

it.each([
  ['0.0.0.0', '127.0.0.1'],
  ['0.0.0.0:11500', '127.0.0.1:11500'],
  ['http://0.0.0.0:11434', 'http://127.0.0.1:11434'],
  ['10.0.0.0.0', '10.0.0.0.0'],
  ['https://ollama.example', 'https://ollama.example'],
])('calls %s at %s', (host, called) => {
  expect(hostToCall(host)).toBe(called);
});
