import { PurserError } from '@purser/contracts';
import { inputTokenBound } from '@purser/money';
import { bodyOf, parseBody } from '../../bodies/client-body.js';
import { responses } from './responses.js';

const read = (more: object) => responses.read(bodyOf({ model: 'm', input: 'Hi', ...more }), {});
const refused = (value: unknown): PurserError => {
  try {
    responses.read({ ...bodyOf({}), value }, {});
  } catch (error) {
    return error as PurserError;
  }
  throw new Error('it was taken');
};

it('reads what it needs and keeps the rest', () => {
  expect(read({ stream: true, max_output_tokens: 5, temperature: 0.2 })).toMatchObject({
    model: 'm',
    streaming: true,
    choices: 1,
    maxOutputTokens: 5,
    limitParameter: 'max_output_tokens',
    body: { input: 'Hi', temperature: 0.2 },
  });
  expect(read({ stream: null, max_output_tokens: null })).toMatchObject({
    streaming: false,
    maxOutputTokens: undefined,
  });
  expect(read({ input: undefined, previous_response_id: 'resp_1' }).body.previous_response_id).toBe('resp_1');
});

it.each([
  [{ input: 'Hi' }, 'model'],
  [{ model: 'm' }, 'input'],
  [{ model: 'm', input: [] }, 'input'],
  [{ model: 'm', input: 5 }, 'input'],
  [{ model: 'm', input: ['Hi'] }, 'input'],
  [{ model: 'm', input: [{ role: 'user' }, { type: 'message', content: 'Hi' }] }, 'input.1.role'],
  [{ model: 'm', input: 'Hi', instructions: [] }, 'instructions'],
  [{ model: 'm', input: 'Hi', max_output_tokens: 0 }, 'max_output_tokens'],
  [{ model: 'm', input: 'Hi', stream: 'yes' }, 'stream'],
  [{ model: 'm', input: 'Hi', tools: [{}] }, 'tools.0.type'],
  [{ model: 'm', input: 'Hi', background: true }, 'background'],
])('refuses %j, naming %s', (body, param) => {
  expect(refused(body)).toMatchObject({ code: 'invalid_request', details: { param } });
});

it('counts every byte but those of pictures, which count as such', async () => {
  const picture = `data:image/png;base64,${'A'.repeat(200_000)}`;
  const body = {
    model: 'm',
    instructions: 'Look.',
    input: [
      {
        role: 'user',
        content: [
          { type: 'input_text', text: 'What is it?' },
          { type: 'input_image', image_url: picture },
        ],
      },
      { type: 'function_call_output', call_id: 'c', output: [{ type: 'input_image', image_url: picture }] },
    ],
  };
  const json = JSON.stringify(body);
  const { size } = responses.read(await parseBody(Buffer.from(json)), {});
  expect(size).toEqual({ textBytes: json.length - 2 * picture.length, messages: 3, tools: 0, images: 2 });
  expect(inputTokenBound(read({ input: 'x'.repeat(1_000) }).size)).toBeGreaterThan(1_000);
});

it('sends a provider that speaks it what the client sent, with the model and the limit', () => {
  const call = read({
    input: [
      { type: 'reasoning', id: 'rs_purser_1', summary: [], content: [{ type: 'reasoning_text', text: 'Hm.' }] },
      { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'abc' },
      { role: 'user', content: 'Hi' },
    ],
    stream: true,
    stream_options: { include_obfuscation: false },
    reasoning: { effort: 'low' },
    vendor_option: [1],
  });
  expect(responses.nativeBody(call, { model: 'gpt', maxOutputTokens: 9 })).toEqual({
    model: 'gpt',
    // What another protocol's model thought is not OpenAI's to find.
    input: [
      { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'abc' },
      { role: 'user', content: 'Hi' },
    ],
    max_output_tokens: 9,
    stream: true,
    stream_options: { include_obfuscation: false },
    reasoning: { effort: 'low' },
    vendor_option: [1],
  });
  expect(responses.nativeBody(read({}), { model: 'gpt', maxOutputTokens: 9 })).toEqual({
    model: 'gpt',
    input: 'Hi',
    max_output_tokens: 9,
  });
});

describe('parameters whose price cannot be told', () => {
  const content = (part: object) => ({ input: [{ role: 'user', content: [part] }] });
  it.each([
    [{}, []],
    [{ store: true, metadata: { a: 'b' }, include: ['reasoning.encrypted_content'], text: { verbosity: 'low' } }, []],
    [
      { service_tier: 'auto', background: false, conversation: null, reasoning: { effort: 'high', mode: 'standard' } },
      [],
    ],
    [
      {
        tools: [
          { type: 'function', name: 'f' },
          { type: 'custom', name: 'c' },
        ],
      },
      [],
    ],
    [content({ type: 'input_image', image_url: 'data:image/png;base64,AA' }), []],
    [{ input: [{ type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'abc' }] }, []],
    [{ input: [{ type: 'reasoning', id: 'rs_purser_1', summary: [] }] }, []],
    [{ service_tier: 'priority' }, ['service_tier']],
    [{ previous_response_id: 'resp_1' }, ['previous_response_id']],
    [{ conversation: 'conv_1' }, ['conversation']],
    [{ prompt: { id: 'pmpt_1' } }, ['prompt']],
    [{ reasoning: { mode: 'pro' } }, ['reasoning']],
    [{ vendor_option: 1 }, ['vendor_option']],
    ...['web_search', 'file_search', 'code_interpreter', 'computer', 'image_generation', 'mcp'].map(
      (type) => [{ tools: [{ type: 'function', name: 'f' }, { type }] }, ['tools[1].type']] as const,
    ),
    [content({ type: 'input_image', image_url: 'https://x.test/a.png' }), ['input[0].content[0].image_url']],
    [content({ type: 'input_image', file_id: 'file_1' }), ['input[0].content[0].file_id']],
    [content({ type: 'input_file', file_data: 'data:application/pdf;base64,AA' }), ['input[0].content[0].type']],
    [{ input: [{ id: 'msg_1' }] }, ['input[0].type']],
    [{ input: [{ type: 'reasoning', id: 'rs_1', summary: [] }] }, ['input[0].encrypted_content']],
    [{ input: [{ type: 'computer_call_output', output: {} }] }, ['input[0].type']],
  ] as const)('%j: %j', (more, expected) => {
    expect(responses.pricedParameters(read(more))).toEqual(expected);
  });
});
