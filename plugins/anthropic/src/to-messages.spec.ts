import type { ChatMessage } from '@purser/plugin-sdk';
import { conversation } from './content.js';
import { toCount, toMessages } from './to-messages.js';

const hello = [{ role: 'user', content: 'Hello' }];
const request = (more: object = {}) => ({ model: 'm', messages: hello, max_completion_tokens: 50, ...more });
const plain = { model: 'm', messages: hello, max_tokens: 50 };
const look = { type: 'function', function: { name: 'look', description: 'Looks.', parameters: { type: 'object' } } };
const looks = { name: 'look', description: 'Looks.', input_schema: { type: 'object' } };

describe('conversation', () => {
  const of = (...messages: ChatMessage[]) => conversation(messages);

  it('puts all instructions to the front', () => {
    expect(
      of(
        { role: 'developer', content: 'Be brief.' },
        { role: 'user', content: 'Hello' },
        { role: 'system', content: [{ type: 'text', text: 'Be kind.' }] },
      ),
    ).toEqual({ system: 'Be brief.\n\nBe kind.', messages: hello, afterTools: false });
  });

  it('makes one turn of the results of tools that were called together', () => {
    const call = (id: string) => ({ id, type: 'function', function: { name: 'look', arguments: '{"at":"it"}' } });
    const picture = { type: 'image_url', image_url: { url: 'data:image/png;base64,aGk=' } };
    expect(
      of(
        { role: 'user', content: 'Look.' },
        { role: 'assistant', content: 'Well.', tool_calls: [call('call_1'), call('functions.look:2')] },
        { role: 'tool', tool_call_id: 'call_1', content: 'a cat' },
        { role: 'tool', tool_call_id: 'functions.look:2', content: [picture] },
      ),
    ).toEqual({
      system: undefined,
      afterTools: true,
      messages: [
        { role: 'user', content: 'Look.' },
        {
          role: 'assistant',
          content: [
            { type: 'text', text: 'Well.' },
            { type: 'tool_use', id: 'call_1', name: 'look', input: { at: 'it' } },
            { type: 'tool_use', id: 'functions_look_2', name: 'look', input: { at: 'it' } },
          ],
        },
        {
          role: 'user',
          content: [
            { type: 'tool_result', tool_use_id: 'call_1', content: 'a cat' },
            {
              type: 'tool_result',
              tool_use_id: 'functions_look_2',
              content: [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'aGk=' } }],
            },
          ],
        },
      ],
    });
  });

  it('keeps the results of one call apart from those of the next', () => {
    const turn = (id: string): ChatMessage[] => [
      { role: 'assistant', content: null, tool_calls: [{ id, function: { name: 'look', arguments: '' } }] },
      { role: 'tool', tool_call_id: id, content: '' },
    ];
    expect(
      of(...hello, ...turn('a'), ...turn('b')).messages.map(({ role, content }) => [role, content.length]),
    ).toEqual([
      ['user', 5],
      ['assistant', 1],
      ['user', 1],
      ['assistant', 1],
      ['user', 1],
    ]);
  });

  it('takes pictures by address, and leaves out empty text', () => {
    const parts = [
      { type: 'text', text: '' },
      { type: 'text', text: 'What is this?', cache_control: { type: 'ephemeral' } },
      { type: 'image_url', image_url: { url: 'https://example.org/cat.png', detail: 'low' } },
    ];
    const nothing = { role: 'assistant', content: '' };
    expect(
      of({ role: 'user', content: parts }, nothing, { role: 'assistant', content: null, refusal: 'No.' }).messages,
    ).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What is this?' },
          { type: 'image', source: { type: 'url', url: 'https://example.org/cat.png' } },
        ],
      },
      { role: 'assistant', content: [{ type: 'text', text: 'No.' }] },
    ]);
  });

  it.each([
    [{ role: 'user', content: [{ type: 'input_audio' }] }, 'no content parts of type "input_audio"'],
    [{ role: 'user', content: 5 }, 'must be text or a list of parts'],
    [
      { role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:image/png,hi' } }] },
      'data: URLs in base64',
    ],
    [{ role: 'function', content: 'x' }, 'no role "function"'],
    [{ role: 'system', content: [{ type: 'image_url', image_url: 'https://a.example/' }] }, 'holds text alone'],
    [{ role: 'assistant', tool_calls: [{ id: 'a', type: 'custom', custom: {} }] }, 'no tool calls of type "custom"'],
    [
      { role: 'assistant', tool_calls: [{ id: 'a', function: { name: 'look', arguments: '{' } }] },
      'the arguments of the tool call "look" are not JSON',
    ],
  ])('refuses %j', (message, text) => {
    expect(() => of(message)).toThrow(text);
  });
});

describe('toMessages', () => {
  it.each([
    [{}, {}],
    [{ stop: 'END' }, { stop_sequences: ['END'] }],
    [{ stop: ['A', 'B'] }, { stop_sequences: ['A', 'B'] }],
    [{ stop: [] }, {}],
    [
      { temperature: 0, top_p: 0.5, top_k: 3 },
      { temperature: 0, top_p: 0.5, top_k: 3 },
    ],
    [{ temperature: 1.7 }, { temperature: 1 }],
    [{ max_tokens: 7 }, {}],
    [{ metadata: { user_id: 'u1', project: 'x' } }, { metadata: { user_id: 'u1' } }],
    [{ safety_identifier: 'u2', user: 'ada@example.org' }, { metadata: { user_id: 'u2' } }],
    [{ service_tier: 'default' }, { service_tier: 'standard_only' }],
    [{ service_tier: 'auto' }, { service_tier: 'auto' }],
    [{ response_format: { type: 'text' } }, {}],
    [
      {
        response_format: { type: 'json_schema', json_schema: { name: 'x', strict: true, schema: { type: 'object' } } },
      },
      { output_config: { format: { type: 'json_schema', schema: { type: 'object' } } } },
    ],
    [
      { reasoning_effort: 'low' },
      { output_config: { effort: 'low' }, thinking: { type: 'adaptive', display: 'summarized' } },
    ],
    [
      { thinking: { type: 'disabled' }, cache_control: { type: 'ephemeral' } },
      { thinking: { type: 'disabled' }, cache_control: { type: 'ephemeral' } },
    ],
    // Asks for nothing.
    [
      {
        n: 1,
        logprobs: false,
        logit_bias: {},
        seed: null,
        stream: true,
        stream_options: {},
        store: false,
        top_k: null,
      },
      {},
    ],
  ])('maps %j to %j', (asked, expected) => {
    expect(toMessages(request(asked))).toEqual({ ...plain, ...expected });
  });

  it.each([
    [{ tools: [look] }, { tools: [looks] }],
    [{ tools: [], tool_choice: 'auto' }, {}],
    [
      { tools: [{ type: 'function', function: { name: 'go', strict: true } }] },
      { tools: [{ name: 'go', input_schema: { type: 'object', properties: {} }, strict: true }] },
    ],
    [
      { tools: [look], tool_choice: 'auto' },
      { tools: [looks], tool_choice: { type: 'auto' } },
    ],
    [
      { tools: [look], tool_choice: 'required' },
      { tools: [looks], tool_choice: { type: 'any' } },
    ],
    [
      { tools: [look], tool_choice: 'none', parallel_tool_calls: false },
      { tools: [looks], tool_choice: { type: 'none' } },
    ],
    [
      { tools: [look], parallel_tool_calls: false },
      { tools: [looks], tool_choice: { type: 'auto', disable_parallel_tool_use: true } },
    ],
    [
      { tools: [look], tool_choice: { type: 'function', function: { name: 'look' } }, parallel_tool_calls: false },
      { tools: [looks], tool_choice: { type: 'tool', name: 'look', disable_parallel_tool_use: true } },
    ],
    [
      { tools: [look], tool_choice: 'required', reasoning_effort: 'high' },
      { tools: [looks], tool_choice: { type: 'any' }, output_config: { effort: 'high' } },
    ],
  ])('maps tools: %j to %j', (asked, expected) => {
    expect(toMessages(request(asked))).toEqual({ ...plain, ...expected });
  });

  it.each([
    [{ response_format: { type: 'json_object' } }, 'response_format is text, or json_schema'],
    [{ tools: [{ type: 'web_search' }] }, 'no tools of type "web_search"'],
    [{ tools: [look], tool_choice: { type: 'allowed_tools' } }, 'tool_choice is auto, none, required, or one function'],
    [
      { reasoning_effort: 'high', thinking: { type: 'adaptive' } },
      '"thinking" is asked for in Anthropic’s terms and in OpenAI’s',
    ],
  ])('refuses %j', (asked, message) => {
    expect(() => toMessages(request(asked))).toThrow(message);
    try {
      toMessages(request(asked));
    } catch (error) {
      expect(error).toMatchObject({ name: 'ProviderError', kind: 'invalid_request', mayBill: false });
    }
  });

  it('counts what the input consists of', () => {
    const asked = request({
      tools: [look],
      stop: 'END',
      temperature: 0,
      reasoning_effort: 'low',
      metadata: { user_id: 'u' },
    });
    expect(Object.keys(toCount(toMessages(asked))).sort()).toEqual([
      'messages',
      'model',
      'output_config',
      'thinking',
      'tools',
    ]);
  });
});
