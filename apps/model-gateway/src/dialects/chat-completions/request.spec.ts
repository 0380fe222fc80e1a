import { PurserError } from '@purser/contracts';
import { inputTokenBound } from '@purser/money';
import { bodyOf, parseBody } from '../../bodies/client-body.js';
import type { ChatCall } from '../dialect.js';
import { pricedParameters } from './priced-parameters.js';
import { type ChatBody, readChatCall, wantsUsage } from './request.js';

const messages = [{ role: 'user', content: 'Hi' }];
const read = (more: object) => readChatCall(bodyOf({ model: 'm', messages, ...more }));
const boundInput = ({ size }: ChatCall) => inputTokenBound(size);
const refused = (body: unknown): PurserError => {
  try {
    readChatCall({ ...bodyOf({}), value: body });
  } catch (error) {
    return error as PurserError;
  }
  throw new Error('it was taken');
};

it('reads what it needs and keeps the rest', () => {
  const call = read({ stream: true, stream_options: { include_usage: true }, n: 2, max_tokens: 5, temperature: 0.2 });
  expect(wantsUsage(call)).toBe(true);
  expect(call).toMatchObject({
    streaming: true,
    choices: 2,
    maxOutputTokens: 5,
    body: { temperature: 0.2 },
  });
  expect(read({ max_tokens: null, n: null, stream: null })).toMatchObject({
    streaming: false,
    choices: 1,
    maxOutputTokens: undefined,
  });
});

it('takes the smaller of two limits', () => {
  expect(read({ max_tokens: 100, max_completion_tokens: 50 }).maxOutputTokens).toBe(50);
});

it.each([
  [{ messages }, 'model'],
  [{ model: 'm' }, 'messages'],
  [{ model: 'm', messages: [] }, 'messages'],
  [{ model: 'm', messages: [{ content: 'x' }] }, 'messages.0.role'],
  [{ model: 'm', messages, max_tokens: 0 }, 'max_tokens'],
  [{ model: 'm', messages, max_completion_tokens: '9' }, 'max_completion_tokens'],
  [{ model: 'm', messages, n: 0.5 }, 'n'],
  [{ model: 'm', messages, stream: 'yes' }, 'stream'],
])('names what is wrong in %j', (body, param) => {
  const error = refused(body);
  expect(error).toMatchObject({ code: 'invalid_request', details: { param } });
  expect(error.message).toContain(param);
});

it.each([undefined, null, [], 'x'])('refuses %j as a body', (body) => {
  expect(refused(body).message).toContain('JSON object');
});

describe('priced parameters', () => {
  const content = (part: object) => ({ messages: [{ role: 'user', content: [{ type: 'text', text: 'x' }, part] }] });
  it.each<[object, string[]]>([
    [{}, []],
    [{ temperature: 1, tools: [{ type: 'function', function: {} }], response_format: { type: 'json_object' } }, []],
    [{ service_tier: 'auto', store: false, modalities: ['text'], web_search_options: null }, []],
    [{ service_tier: 'priority' }, ['service_tier']],
    [{ store: true }, ['store']],
    [{ modalities: ['text', 'audio'], audio: { voice: 'x' } }, ['modalities', 'audio']],
    [{ web_search_options: {} }, ['web_search_options']],
    [{ prediction: { type: 'content' } }, ['prediction']],
    [{ tools: [{ type: 'function' }, { type: 'web_search' }] }, ['tools[1].type']],
    [{ something_new: 1 }, ['something_new']],
    [content({ type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } }), []],
    [
      content({ type: 'image_url', image_url: { url: 'https://example.org/a.png' } }),
      ['messages[0].content[1].image_url'],
    ],
    [content({ type: 'file', file: { file_id: 'x' } }), ['messages[0].content[1].type']],
    [content({ type: 'input_audio', input_audio: {} }), ['messages[0].content[1].type']],
    [{ messages: [{ role: 'assistant', audio: { id: 'x' } }] }, ['messages[0].audio']],
  ])('%j', (more, expected) => {
    expect(pricedParameters(read(more).body as ChatBody)).toEqual(expected);
  });
});

describe('the bound of the input', () => {
  it('counts every byte that may become prompt, also of tools and names', () => {
    const plain = boundInput(read({}));
    const tools = [
      {
        type: 'function',
        function: { name: 'n', parameters: { properties: { model: { description: 'é'.repeat(500) } } } },
      },
    ];
    expect(boundInput(read({ tools })) - plain).toBeGreaterThan(1000);
  });

  it('takes pictures by rule instead of by their bytes', async () => {
    const url = `data:image/png;base64,${'A'.repeat(1_000_000)}`;
    const body = { model: 'm', messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url } }] }] };
    const bound = boundInput(readChatCall(await parseBody(Buffer.from(JSON.stringify(body)))));
    expect(bound).toBe(boundInput(readChatCall(bodyOf(body))));
    expect(bound).toBeGreaterThan(48_169);
    expect(bound).toBeLessThan(60_000);
  });
});
