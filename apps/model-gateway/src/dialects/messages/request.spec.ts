import { PurserError } from '@purser/contracts';
import { inputTokenBound } from '@purser/money';
import { bodyOf, parseBody } from '../../bodies/client-body.js';
import { estimateInputTokens } from './estimate.js';
import { messages as dialect } from './messages.js';
import { pricedParameters } from './priced-parameters.js';
import { readMessagesCall, readPrompt } from './request.js';

const messages = [{ role: 'user', content: 'Hi' }];
const read = (more: object, headers = {}) =>
  readMessagesCall(bodyOf({ model: 'm', max_tokens: 100, messages, ...more }), headers);
const content = (...blocks: object[]) => ({ messages: [{ role: 'user', content: blocks }] });
const refused = (body: unknown): PurserError => {
  try {
    readMessagesCall({ ...bodyOf({}), value: body }, {});
  } catch (error) {
    return error as PurserError;
  }
  throw new Error('it was taken');
};

it('reads what it needs, and carries everything as it came', () => {
  const body = { stream: true, max_tokens: 7, model: 'm', messages, something: { new: [1] } };
  const headers = { 'anthropic-beta': ['a', 'b'], 'anthropic-version': '2023-06-01', 'x-api-key': 'secret' };
  const call = readMessagesCall(bodyOf(body), headers);
  expect(call).toMatchObject({ model: 'm', streaming: true, maxOutputTokens: 7, choices: 1 });
  expect(call.headers).toEqual({ 'anthropic-beta': 'a,b', 'anthropic-version': '2023-06-01' });
  expect(JSON.stringify(dialect.nativeBody(call, { model: 'claude', maxOutputTokens: 5 }))).toBe(
    JSON.stringify({ ...body, model: 'claude', max_tokens: 5 }),
  );
});

it.each<[object, string]>([
  [{ messages, max_tokens: 1 }, 'model'],
  [{ model: 'm', max_tokens: 1 }, 'messages'],
  [{ model: 'm', max_tokens: 1, messages: [] }, 'messages'],
  [{ model: 'm', messages }, 'max_tokens'],
  [{ model: 'm', messages, max_tokens: 1.5 }, 'max_tokens'],
  [{ model: 'm', messages, max_tokens: -1 }, 'max_tokens'],
  [{ model: 'm', messages, max_tokens: 1, stream: 'yes' }, 'stream'],
  [{ model: 'm', messages, max_tokens: 1, system: 5 }, 'system'],
  [{ model: 'm', messages, max_tokens: 1, system: [{ type: 'text' }] }, 'system.0.text'],
  [{ model: 'm', messages, max_tokens: 1, stop_sequences: 'x' }, 'stop_sequences'],
  [{ model: 'm', max_tokens: 1, messages: [{ role: 'robot', content: 'x' }] }, 'messages.0.role'],
  [{ model: 'm', max_tokens: 1, messages: [{ role: 'user' }] }, 'messages.0.content'],
  [{ model: 'm', max_tokens: 1, ...content({ text: 'x' }) }, 'messages.0.content.0.type'],
  [{ model: 'm', max_tokens: 1, ...content({ type: 'tool_use', id: 'x' }) }, 'messages.0.content.0.name'],
  [
    { model: 'm', max_tokens: 1, ...content({ type: 'tool_result', tool_use_id: 'x', content: [{ type: 'image' }] }) },
    'messages.0.content.0.content.0.source',
  ],
])('names what is wrong in %j', (body, param) => {
  const error = refused(body);
  expect(error).toMatchObject({ code: 'invalid_request', details: { param } });
  expect(error.message).toContain(param);
});

it.each([undefined, null, [], 'x'])('refuses %j as a body', (body) => {
  expect(refused(body).message).toContain('JSON object');
});

it('reads a prompt without an output limit where it is only counted', () => {
  expect(readPrompt(bodyOf({ model: 'm', messages }), {}).maxOutputTokens).toBeUndefined();
});

describe('priced parameters', () => {
  const image = (source: object) => ({ type: 'image', source });
  const document = (source: object) => ({ type: 'document', source });
  const result = (...blocks: object[]) => ({ type: 'tool_result', tool_use_id: 't', content: blocks });
  const inline = { type: 'base64', media_type: 'image/png', data: 'AAAA' };
  it.each<[object, string[]]>([
    [{}, []],
    [{ temperature: 1, top_k: 3, metadata: {}, thinking: { type: 'adaptive' }, output_config: { effort: 'max' } }, []],
    [{ service_tier: 'auto', speed: 'standard', inference_geo: 'global', container: null }, []],
    [{ service_tier: 'standard_only', cache_control: { type: 'ephemeral', ttl: '1h' } }, []],
    [{ service_tier: 'priority' }, ['service_tier']],
    [{ speed: 'fast' }, ['speed']],
    [{ inference_geo: 'us' }, ['inference_geo']],
    [{ container: 'c' }, ['container']],
    [{ mcp_servers: [] }, ['mcp_servers']],
    [{ something_new: 1 }, ['something_new']],
    [{ context_management: { edits: [{ type: 'clear_tool_uses_20250919' }] } }, []],
    [{ context_management: { edits: [{ type: 'compact_20260112' }] } }, ['context_management']],
    [{ thinking: { type: 'enabled', budget_tokens: 99 } }, []],
    [{ thinking: { type: 'enabled', budget_tokens: 100 } }, ['thinking.budget_tokens']],
    [{ tools: [{ name: 'a' }, { type: 'custom', name: 'b' }, { type: 'bash_20250124', name: 'bash' }] }, []],
    [{ tools: [{ name: 'a' }, { type: 'web_search_20250305', name: 'w' }] }, ['tools[1].type']],
    [{ tools: [{ type: 'code_execution_20250825' }] }, ['tools[0].type']],
    [{ tools: [{ type: 'computer_toolset_20260801' }] }, ['tools[0].type']],
    [{ tools: [{ name: 'a', allowed_callers: ['code_execution_20250825'] }] }, ['tools[0].allowed_callers']],
    [content({ type: 'text', text: 'x' }, image(inline), { type: 'thinking', thinking: 'x', signature: 's' }), []],
    [content(image({ type: 'url', url: 'https://example.org/a.png' })), ['messages[0].content[0].source']],
    [content(image({ type: 'file', file_id: 'f' })), ['messages[0].content[0].source']],
    [content(result(image({ type: 'file', file_id: 'f' }))), ['messages[0].content[0].content[0].source']],
    [content(document({ type: 'text', media_type: 'text/plain', data: 'x' })), []],
    [content(document({ type: 'base64', data: 'x' })), ['messages[0].content[0].source']],
    [
      content(document({ type: 'content', content: [image({ type: 'url', url: 'https://x' })] })),
      ['messages[0].content[0].source.content[0].source'],
    ],
    [content({ type: 'container_upload', file_id: 'f' }), ['messages[0].content[0].type']],
  ])('%j', (more, expected) => {
    expect(pricedParameters(read(more))).toEqual(expected);
  });

  it.each([
    ['interleaved-thinking-2025-05-14', []],
    ['context-1m-2025-08-07', ['anthropic-beta']],
    ['prompt-caching-2024-07-31, context-1m-2025-08-07', ['anthropic-beta']],
  ])('of the beta %s', (beta, expected) => {
    expect(pricedParameters(read({}, { 'anthropic-beta': beta }))).toEqual(expected);
  });
});

describe('the bound of the input', () => {
  const bound = (more: object) => inputTokenBound(read(more).size);

  it('counts every byte of prompt and tools, and what Anthropic adds to tools', () => {
    const tools = [{ name: 'n', input_schema: { type: 'object', description: 'é'.repeat(500) } }];
    expect(bound({ tools }) - bound({})).toBeGreaterThan(1_000 + 530);
    expect(bound({ system: 'x'.repeat(500) }) - bound({})).toBeGreaterThan(500);
    const known = [{ type: 'text_editor_20250728', name: 'edit' }];
    expect(bound({ tools: known }) - bound({})).toBeGreaterThan(530 + 735);
  });

  it('takes pictures by rule instead of by their bytes, wherever they are', async () => {
    const data = 'A'.repeat(1_000_000);
    const picture = { type: 'image', source: { type: 'base64', media_type: 'image/png', data } };
    const body = {
      model: 'm',
      max_tokens: 1,
      ...content(picture, { type: 'tool_result', tool_use_id: 't', content: [picture] }),
    };
    const { size } = readMessagesCall(await parseBody(Buffer.from(JSON.stringify(body))), {});
    expect(size.images).toBe(2);
    expect(size.textBytes).toBeLessThan(1_000);
  });
});

describe('the estimate of the input', () => {
  const estimate = (more: object) => estimateInputTokens(read(more));

  it('is near what English text has, and follows all parts of the prompt', () => {
    const plain = estimate({});
    expect(plain).toBeLessThan(20);
    expect(estimate({ system: 'word '.repeat(700) }) - plain).toBe(1_000);
    expect(estimate({ tools: [{ name: 'n', input_schema: {} }] })).toBeGreaterThan(346);
    const picture = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'A'.repeat(9_000) } };
    expect(estimate(content(picture))).toBeLessThan(1_700);
    expect(estimate(content({ type: 'tool_result', tool_use_id: 't', content: 'x'.repeat(350) }))).toBe(104);
    expect(estimate(content({ type: 'tool_use', id: 'a', name: 'b', input: { x: 'x'.repeat(342) } }))).toBe(104);
  });

  it('counts what was set aside as it would have counted it', async () => {
    const body = { model: 'm', max_tokens: 1, messages: [{ role: 'user', content: 'a'.repeat(350_000) }] };
    const call = readMessagesCall(await parseBody(Buffer.from(JSON.stringify(body))), {});
    expect(call.longTexts.empty).toBe(false);
    expect(estimateInputTokens(call)).toBe(100_004);
  });
});
