import { bodyOf } from '../../bodies/client-body.js';
import { fromChat } from './from-chat.js';
import { messages as dialect } from './messages.js';
import { readMessagesCall } from './request.js';
import { UNSIGNED } from './thoughts.js';
import { toChat } from './to-chat.js';

const asked = [{ role: 'user', content: 'Hi' }];
const read = (more: object = {}) =>
  readMessagesCall(bodyOf({ model: 'm', max_tokens: 9, messages: asked, ...more }), {});
const usage = {
  prompt_tokens: 30,
  completion_tokens: 8,
  total_tokens: 38,
  prompt_tokens_details: { cached_tokens: 10, cache_write_tokens: 5 },
  completion_tokens_details: { reasoning_tokens: 3 },
};
const completion = (message: object, more: object = {}) => ({
  id: 'chatcmpl-7',
  model: 'gpt',
  choices: [{ index: 0, message, finish_reason: 'stop', ...more }],
  usage,
});

it('turns a chat completion into a message', () => {
  expect(fromChat(completion({ content: 'Hello' }), read())).toMatchObject({
    id: 'msg_7',
    type: 'message',
    role: 'assistant',
    model: 'gpt',
    content: [{ type: 'text', text: 'Hello' }],
    stop_reason: 'end_turn',
    stop_sequence: null,
    usage: {
      input_tokens: 15,
      cache_read_input_tokens: 10,
      cache_creation_input_tokens: 5,
      output_tokens: 8,
      output_tokens_details: { thinking_tokens: 3 },
    },
  });
});

it.each<[object, object]>([
  [{ finish_reason: 'length' }, { stop_reason: 'max_tokens' }],
  [{ finish_reason: 'content_filter' }, { stop_reason: 'refusal' }],
  [{ finish_reason: 'new' }, { stop_reason: 'end_turn' }],
  [{ finish_reason: null }, { stop_reason: 'end_turn' }],
  [{ stop_reason: 'END' }, { stop_reason: 'stop_sequence', stop_sequence: 'END' }],
  [{ stop_reason: 'other' }, { stop_reason: 'end_turn', stop_sequence: null }],
])('says why it stopped: %j', (more, expected) => {
  expect(fromChat(completion({ content: 'x' }, more), read({ stop_sequences: ['END'] }))).toMatchObject(expected);
});

it('turns calls of tools into uses, also where the server says "stop"', () => {
  const call = (id: string | undefined, args: string | undefined) => ({ id, function: { name: 'n', arguments: args } });
  const tool_calls = [call('functions.n:0', '{"a":1}'), call(undefined, ''), call('c', '{"cut'), call('d', '[1]')];
  const message = fromChat(completion({ content: null, tool_calls }), read());
  expect(message).toMatchObject({
    stop_reason: 'tool_use',
    content: [
      { type: 'tool_use', id: 'functions_n_0', name: 'n', input: { a: 1 } },
      { type: 'tool_use', id: expect.stringMatching(/^toolu_\w+$/) as unknown, input: {} },
      { type: 'tool_use', input: { INVALID_JSON: '{"cut' } },
      { type: 'tool_use', input: { INVALID_JSON: '[1]' } },
    ],
  });
});

it('says a refusal as Anthropic does', () => {
  expect(fromChat(completion({ content: null, refusal: 'I will not.' }), read())).toMatchObject({
    content: [{ type: 'text', text: 'I will not.' }],
    stop_reason: 'refusal',
    stop_details: { type: 'refusal', explanation: 'I will not.' },
  });
});

it.each([
  [{ thinking: { type: 'enabled', budget_tokens: 5 } }, true],
  [{ thinking: { type: 'adaptive' } }, true],
  [{ thinking: { type: 'adaptive', display: 'omitted' } }, false],
  [{ thinking: { type: 'disabled' } }, false],
  [{}, false],
])('shows thoughts to those who asked for them: %j', (more, shown) => {
  for (const thought of [{ reasoning: 'Hm' }, { reasoning_content: 'Hm' }]) {
    const { content } = fromChat(completion({ content: 'x', ...thought }), read(more));
    expect((content as { type: string }[]).map(({ type }) => type)).toEqual(shown ? ['thinking', 'text'] : ['text']);
  }
});

it('reads what makes no sense as nothing', () => {
  for (const odd of [{}, { choices: null }, { choices: [{}] }, { choices: [{ message: { content: 5 } }] }])
    expect(fromChat(odd, read())).toMatchObject({ content: [], usage: { input_tokens: 0, output_tokens: 0 } });
});

it('comes back as it was said, when the next turn goes to the same provider', () => {
  const tool_calls = [
    { id: 'call_1', type: 'function', function: { name: 'look', arguments: '{"at":"me"}' } },
    { id: 'call_2', type: 'function', function: { name: 'look', arguments: '{}' } },
  ];
  const said = { role: 'assistant', content: 'I look.', tool_calls };
  const { content } = fromChat(completion(said), read());
  const results = ['call_1', 'call_2'].map((id) => ({ type: 'tool_result', tool_use_id: id, content: id }));
  const next = read({ messages: [...asked, { role: 'assistant', content }, { role: 'user', content: results }] });
  expect(toChat(next)).toEqual({
    body: {
      messages: [
        ...asked,
        said,
        { role: 'tool', tool_call_id: 'call_1', content: 'call_1' },
        { role: 'tool', tool_call_id: 'call_2', content: 'call_2' },
      ],
    },
    lost: [],
  });
});

it('does not show Anthropic thoughts that it never signed, when the next turn goes there', () => {
  const thought = (signature: string) => ({ type: 'thinking', thinking: 'Hm', signature });
  const turn = (...content: object[]) => ({ role: 'assistant', content });
  const { body } = fromTurns([...asked, turn(thought(UNSIGNED), { type: 'text', text: 'x' }), turn(thought(UNSIGNED))]);
  expect(body).toEqual([...asked, turn({ type: 'text', text: 'x' })]);
  const signed = [...asked, turn(thought('c2lnbmVk'))];
  expect(fromTurns(signed).body).toEqual(signed);
});

const fromTurns = (turns: object[]) => {
  const { messages } = dialect.nativeBody(read({ messages: turns }), { model: 'claude', maxOutputTokens: 9 });
  return { body: messages };
};
