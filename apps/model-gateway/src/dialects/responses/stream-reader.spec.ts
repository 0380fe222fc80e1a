import { isProviderError } from '@purser/plugin-sdk';
import { bodyOf } from '../../bodies/client-body.js';
import { responses } from './responses.js';

const reader = () => responses.readStream(responses.read(bodyOf({ model: 'm', input: 'Hi' }), {}));
const read = (event: object) => reader().read({ data: JSON.stringify(event) });

const usage = {
  input_tokens: 10,
  input_tokens_details: { cached_tokens: 3, cache_write_tokens: 2 },
  output_tokens: 6,
  output_tokens_details: { reasoning_tokens: 5 },
  total_tokens: 16,
};
const counts = { inputTokens: 10, outputTokens: 6, cachedTokens: 3, cacheWriteTokens: 2, reasoningTokens: 5 };

it('reads the usage and the tier of service where the answer ends', () => {
  for (const type of ['response.completed', 'response.incomplete'])
    expect(read({ type, response: { usage, service_tier: 'flex' } })).toEqual({
      bytes: 0,
      ended: true,
      usage: { ...counts, serviceTier: 'flex' },
    });
  expect(read({ type: 'response.created', response: { usage: null } })).toMatchObject({ ended: false });
  expect(reader().read({ data: '[DONE]' })).toEqual({ bytes: 0, hidden: true });
});

it('counts what the model wrote, once', () => {
  expect(read({ type: 'response.output_text.delta', delta: 'größer' }).bytes).toBe(8);
  expect(read({ type: 'response.function_call_arguments.delta', delta: '{}' }).bytes).toBe(2);
  expect(read({ type: 'response.output_item.added', item: { type: 'function_call', name: 'look' } }).bytes).toBe(4);
  expect(read({ type: 'response.output_text.done', text: 'größer' }).bytes).toBe(0);
  expect(read({ type: 'response.output_item.done', item: { name: 'look', arguments: '{}' } }).bytes).toBe(0);
  const output = [
    { type: 'reasoning', encrypted_content: 'AAAA', summary: [{ type: 'summary_text', text: 'Hm.' }] },
    { type: 'message', content: [{ type: 'output_text', text: 'größer' }] },
    { type: 'function_call', name: 'look', arguments: '{}' },
    null,
  ];
  expect(responses.readAnswer({ output, usage })).toEqual({ bytes: 3 + 8 + 4 + 2, usage: counts });
  expect(responses.readAnswer({ output: null })).toEqual({ bytes: 0, usage: undefined });
});

it.each([
  [{ type: 'error', message: 'slow down', code: 'rate_limit_exceeded' }, 'rate_limited', 'slow down'],
  [{ type: 'error', error: { message: 'broken', code: null } }, 'overloaded', 'broken'],
  [{ error: 'broken' }, 'overloaded', 'broken'],
  [
    { type: 'response.failed', response: { error: { code: 'server_error', message: 'broken' } } },
    'overloaded',
    'broken',
  ],
  [{ type: 'response.failed', response: { error: null } }, 'overloaded', 'the response failed, with no reason given'],
])('takes %j for a failure that may be billed', (event, kind, message) => {
  expect(read(event).failure).toMatchObject({ kind, message, mayBill: true });
});

it('takes a whole answer that failed within for a failure that may be billed', () => {
  const answer = { status: 'failed', error: { code: 'invalid_prompt', message: 'no' }, usage };
  let thrown: unknown;
  try {
    responses.readAnswer(answer);
  } catch (error) {
    thrown = error;
  }
  expect(isProviderError(thrown)).toBe(true);
  expect(thrown).toMatchObject({ kind: 'invalid_request', message: 'no', mayBill: true, usage: counts });
});

it('reads what a response that failed is billed for', () => {
  const response = {
    status: 'failed',
    error: { code: 'server_error', message: 'broken' },
    usage,
    service_tier: 'flex',
  };
  expect(read({ type: 'response.failed', response }).failure).toMatchObject({
    mayBill: true,
    usage: { ...counts, serviceTier: 'flex' },
  });
  expect(read({ type: 'response.failed', response: { ...response, usage: null } }).failure?.usage).toBeUndefined();
});

it('does not read what is no event', () => {
  expect(() => reader().read({ data: '{"type":' })).toThrow(SyntaxError);
  expect(() => reader().read({ data: '5' })).toThrow('not a JSON object');
});
