import { bodyOf } from '../../bodies/client-body.js';
import { responses } from './responses.js';

const translate = (more: object) => responses.toChat(responses.read(bodyOf({ model: 'm', input: 'Hi', ...more }), {}));
const messages = (input: unknown) => translate({ input }).body.messages;

it('says a text, instructions and parameters as chat completions do', () => {
  expect(
    translate({
      instructions: 'Be brief.',
      temperature: 0.5,
      top_p: 1,
      max_output_tokens: 10,
      parallel_tool_calls: true,
      metadata: { a: 'b' },
      store: false,
      stream: true,
      reasoning: { effort: 'low', summary: 'auto' },
      text: {
        verbosity: 'low',
        format: { type: 'json_schema', name: 'n', schema: { type: 'object' }, strict: true },
      },
      tools: [{ type: 'function', name: 'look', parameters: { type: 'object' }, strict: false, description: null }],
      tool_choice: { type: 'function', name: 'look' },
      include: ['reasoning.encrypted_content'],
      truncation: 'disabled',
    }),
  ).toEqual({
    body: {
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Hi' },
      ],
      temperature: 0.5,
      top_p: 1,
      parallel_tool_calls: true,
      reasoning_effort: 'low',
      verbosity: 'low',
      response_format: { type: 'json_schema', json_schema: { name: 'n', schema: { type: 'object' }, strict: true } },
      tools: [{ type: 'function', function: { name: 'look', parameters: { type: 'object' }, strict: false } }],
      tool_choice: { type: 'function', function: { name: 'look' } },
    },
    lost: [],
  });
  // OpenAI takes neither without tools.
  expect(translate({ tool_choice: 'auto', parallel_tool_calls: true, tools: [] })).toEqual({
    body: { messages: [{ role: 'user', content: 'Hi' }] },
    lost: [],
  });
});

it('joins calls of functions to the message that they were made with', () => {
  const call = (id: string) => ({ type: 'function_call', id: `fc_${id}`, call_id: id, name: 'look', arguments: '{}' });
  const called = (id: string) => ({ id, type: 'function', function: { name: 'look', arguments: '{}' } });
  expect(
    messages([
      { role: 'developer', content: 'Be brief.' },
      { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Look.' }] },
      { type: 'reasoning', id: 'rs_1', summary: [] },
      { id: 'msg_1', type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'Well.' }] },
      call('a'),
      call('b'),
      { type: 'function_call_output', call_id: 'a', output: 'this' },
      { type: 'function_call_output', call_id: 'b', output: [{ type: 'input_text', text: 'that' }] },
      call('c'),
    ]),
  ).toEqual([
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: 'Look.' },
    { role: 'assistant', content: 'Well.', tool_calls: [called('a'), called('b')] },
    { role: 'tool', tool_call_id: 'a', content: 'this' },
    { role: 'tool', tool_call_id: 'b', content: 'that' },
    { role: 'assistant', content: null, tool_calls: [called('c')] },
  ]);
});

it('shows pictures, and what was refused', () => {
  const url = 'data:image/png;base64,AA';
  expect(
    messages([
      {
        role: 'user',
        content: [
          { type: 'input_text', text: 'What?' },
          { type: 'input_image', image_url: url, detail: 'auto' },
          { type: 'input_image', image_url: url, detail: 'low' },
        ],
      },
      { role: 'assistant', content: [{ type: 'refusal', refusal: 'No.' }] },
    ]),
  ).toEqual([
    {
      role: 'user',
      content: [
        { type: 'text', text: 'What?' },
        { type: 'image_url', image_url: { url } },
        { type: 'image_url', image_url: { url, detail: 'low' } },
      ],
    },
    { role: 'assistant', content: [{ type: 'refusal', refusal: 'No.' }] },
  ]);
});

it.each([
  [{ previous_response_id: 'resp_1' }, 'previous_response_id'],
  [{ conversation: { id: 'conv_1' } }, 'conversation'],
  [{ prompt: { id: 'pmpt_1' } }, 'prompt'],
  [{ store: true }, 'store'],
  [{ truncation: 'auto' }, 'truncation'],
  [{ max_tool_calls: 3 }, 'max_tool_calls'],
  [{ top_logprobs: 2 }, 'top_logprobs'],
  [{ include: ['message.output_text.logprobs'] }, 'include'],
  [{ stream_options: { include_obfuscation: true } }, 'stream_options'],
  [{ vendor_option: 1 }, 'vendor_option'],
  [{ reasoning: { summary: 'detailed' } }, 'reasoning.summary'],
  [{ reasoning: { mode: 'pro' } }, 'reasoning.mode'],
  [{ text: { format: { type: 'grammar' } } }, 'text.format'],
  [{ tools: [{ type: 'web_search' }] }, 'tools[0].type'],
  [{ tools: [{ type: 'custom', name: 'c' }] }, 'tools[0].type'],
  [{ tools: [{ type: 'function', name: 'f' }], tool_choice: { type: 'mcp' } }, 'tool_choice'],
  [{ input: [{ role: 'user', content: [{ type: 'input_file', file_id: 'f' }] }] }, 'input[0].content[0].type'],
  [{ input: [{ role: 'user', content: [{ type: 'input_image', file_id: 'f' }] }] }, 'input[0].content[0].file_id'],
  [
    { input: [{ type: 'function_call_output', call_id: 'c', output: [{ type: 'input_image', image_url: 'data:x' }] }] },
    'input[0].output[0].type',
  ],
  [{ input: [{ type: 'item_reference', id: 'msg_1' }] }, 'input[0].type'],
])('names what chat completions cannot say: %j', (more, lost) => {
  expect(translate(more).lost).toEqual([lost]);
});
