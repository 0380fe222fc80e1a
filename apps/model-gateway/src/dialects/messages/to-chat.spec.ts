import { bodyOf, parseBody } from '../../bodies/client-body.js';
import { readMessagesCall } from './request.js';
import { toChat } from './to-chat.js';

const messages = [{ role: 'user', content: 'Hi' }];
const translate = (more: object) =>
  toChat(readMessagesCall(bodyOf({ model: 'm', max_tokens: 100, messages, ...more }), {}));
const conversation = (...turns: object[]) => translate({ messages: turns });
const user = (...content: object[]) => ({ role: 'user', content });
const text = (value: string, more = {}) => ({ type: 'text', text: value, ...more });
const inline = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } };
const asUrl = { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } };

it.each<[string, object, object]>([
  ['nothing more', {}, {}],
  ['sampling', { temperature: 0.2, top_p: 0.9, stop_sequences: ['a'] }, { temperature: 0.2, top_p: 0.9, stop: ['a'] }],
  ['no stop sequences', { stop_sequences: [] }, {}],
  ['who asks', { metadata: { user_id: 'ada' } }, { user: 'ada' }],
  ['a small budget to think', { thinking: { type: 'enabled', budget_tokens: 2_000 } }, { reasoning_effort: 'low' }],
  ['a middle one', { thinking: { type: 'enabled', budget_tokens: 10_000 } }, { reasoning_effort: 'medium' }],
  ['a large one', { thinking: { type: 'enabled', budget_tokens: 30_000 } }, { reasoning_effort: 'high' }],
  ['thinking as the model likes', { thinking: { type: 'adaptive' } }, {}],
  ['no thinking', { thinking: { type: 'disabled' } }, {}],
  ['an effort', { thinking: { type: 'adaptive' }, output_config: { effort: 'max' } }, { reasoning_effort: 'high' }],
  [
    'a schema',
    { output_config: { format: { type: 'json_schema', schema: { type: 'object' } } } },
    {
      response_format: {
        type: 'json_schema',
        json_schema: { name: 'answer', schema: { type: 'object' }, strict: true },
      },
    },
  ],
  [
    'what changes nothing',
    {
      service_tier: 'auto',
      speed: 'standard',
      inference_geo: 'global',
      cache_control: { type: 'ephemeral' },
      context_management: { edits: [{ type: 'clear_thinking_20251015', keep: 'all' }] },
    },
    {},
  ],
  [
    'tools',
    { tools: [{ name: 'n', description: 'd', input_schema: { type: 'object' }, cache_control: {}, strict: true }] },
    {
      tools: [
        { type: 'function', function: { name: 'n', description: 'd', parameters: { type: 'object' }, strict: true } },
      ],
    },
  ],
  ['a free choice of tools', { tool_choice: { type: 'auto' } }, {}],
  [
    'one tool at a time',
    { tool_choice: { type: 'auto', disable_parallel_tool_use: true } },
    { parallel_tool_calls: false },
  ],
  ['any tool', { tool_choice: { type: 'any' } }, { tool_choice: 'required' }],
  ['no tool', { tool_choice: { type: 'none' } }, { tool_choice: 'none' }],
  [
    'one tool',
    { tool_choice: { type: 'tool', name: 'n' } },
    { tool_choice: { type: 'function', function: { name: 'n' } } },
  ],
])('says %s in chat completions', (_, more, expected) => {
  expect(translate(more)).toEqual({ body: { messages, ...expected }, lost: [] });
});

it.each<[object, string]>([
  [{ top_k: 3 }, 'top_k'],
  [{ max_tokens: 0 }, 'max_tokens'],
  [{ something_new: false }, 'something_new'],
  [{ service_tier: 'priority' }, 'service_tier'],
  [{ container: 'c' }, 'container'],
  [{ thinking: { type: 'new' } }, 'thinking'],
  [{ output_config: { effort: 'new' } }, 'output_config'],
  [{ output_config: { task_budget: {} } }, 'output_config'],
  [{ metadata: { session: 1 } }, 'metadata'],
  [{ context_management: { edits: [{ type: 'clear_tool_uses_20250919' }] } }, 'context_management'],
  [{ tools: [{ type: 'bash_20250124', name: 'bash' }] }, 'tools[0].type'],
  [{ tools: [{ name: 'n', input_schema: {}, defer_loading: true }] }, 'tools[0].defer_loading'],
  [{ tools: [{ name: 'n', input_schema: {}, input_examples: [{}] }] }, 'tools[0].input_examples'],
  [{ tool_choice: { type: 'new' } }, 'tool_choice'],
  [{ messages: [user({ type: 'document', source: { type: 'text', data: 'x' } })] }, 'messages[0].content[0].type'],
  [{ messages: [user({ type: 'image', source: { type: 'file', file_id: 'f' } })] }, 'messages[0].content[0].source'],
  [
    { messages: [user({ type: 'tool_result', tool_use_id: 't', content: [{ type: 'tool_reference' }] })] },
    'messages[0].content[0].content[0].type',
  ],
  [
    { messages: [{ role: 'assistant', content: [{ type: 'server_tool_use', id: 'x' }] }, ...messages] },
    'messages[0].content[0].type',
  ],
  [{ messages: [...messages, { role: 'assistant', content: 'The answer is (' }] }, 'messages[1].role'],
])('says what of %j is lost', (more, expected) => {
  expect(translate(more).lost).toEqual([expected]);
});

it('joins the system prompt, and leaves one in the middle where it stands', () => {
  const { body } = translate({
    system: [text('One.', { cache_control: { type: 'ephemeral' } }), text('Two.')],
    messages: [...messages, { role: 'system', content: 'Three.' }, { role: 'user', content: 'Four' }],
  });
  expect(body.messages).toEqual([
    { role: 'system', content: 'One.\n\nTwo.' },
    ...messages,
    { role: 'system', content: 'Three.' },
    { role: 'user', content: 'Four' },
  ]);
});

it('carries pictures, as data and as addresses', () => {
  const link = { type: 'image', source: { type: 'url', url: 'https://example.org/a.png' } };
  expect(conversation(user(text('Look'), inline, link))).toEqual({
    body: {
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'Look' },
            asUrl,
            { type: 'image_url', image_url: { url: 'https://example.org/a.png' } },
          ],
        },
      ],
    },
    lost: [],
  });
});

it('carries calls of tools and their results, leaves thoughts out, and lets pictures follow', () => {
  const use = (id: string) => ({ type: 'tool_use', id, name: 'look', input: { at: id } });
  const { body, lost } = conversation(
    ...messages,
    {
      role: 'assistant',
      content: [
        { type: 'thinking', thinking: 'Hm', signature: 's' },
        { type: 'redacted_thinking', data: 'x' },
        text('I look.'),
        use('a'),
        use('b'),
        use('c'),
      ],
    },
    user(
      { type: 'tool_result', tool_use_id: 'a', content: [text('one'), text('two')] },
      { type: 'tool_result', tool_use_id: 'b', content: 'it burns', is_error: true },
      { type: 'tool_result', tool_use_id: 'c', content: [inline] },
      text('Well?'),
    ),
  );
  expect(lost).toEqual([]);
  const call = (id: string) => ({ id, type: 'function', function: { name: 'look', arguments: `{"at":"${id}"}` } });
  expect(body.messages).toEqual([
    ...messages,
    { role: 'assistant', content: 'I look.', tool_calls: [call('a'), call('b'), call('c')] },
    { role: 'tool', tool_call_id: 'a', content: 'one\ntwo' },
    { role: 'tool', tool_call_id: 'b', content: 'Error: it burns' },
    { role: 'tool', tool_call_id: 'c', content: 'See the picture that follows.' },
    {
      role: 'user',
      content: [{ type: 'text', text: 'From the result of the tool call c:' }, asUrl, { type: 'text', text: 'Well?' }],
    },
  ]);
});

it('leaves out a turn of nothing but thoughts, and has no content beside calls of tools', () => {
  const { body } = conversation(
    ...messages,
    { role: 'assistant', content: [{ type: 'thinking', thinking: 'Hm', signature: 's' }] },
    { role: 'assistant', content: [{ type: 'tool_use', id: 'a', name: 'n' }] },
    user({ type: 'tool_result', tool_use_id: 'a' }),
  );
  expect(body.messages).toEqual([
    ...messages,
    {
      role: 'assistant',
      content: null,
      tool_calls: [{ id: 'a', type: 'function', function: { name: 'n', arguments: '{}' } }],
    },
    { role: 'tool', tool_call_id: 'a', content: '' },
  ]);
});

it('carries long texts that were set aside', async () => {
  const data = 'A'.repeat(100_000);
  const source = { type: 'base64', media_type: 'image/png', data };
  const body = { model: 'm', max_tokens: 1, messages: [user({ type: 'image', source })] };
  const call = readMessagesCall(await parseBody(Buffer.from(JSON.stringify(body))), {});
  expect(call.longTexts.empty).toBe(false);
  expect(call.longTexts.restore(toChat(call).body.messages)).toEqual([
    { role: 'user', content: [{ type: 'image_url', image_url: { url: `data:image/png;base64,${data}` } }] },
  ]);
});
