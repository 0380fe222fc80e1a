import { FREE, openWorld, PAID, type World } from '../gateway.fixture.js';

jest.setTimeout(60_000);
let world: World;

beforeAll(async () => {
  const price = { inputPerMillionUsd: '1', cachedPerMillionUsd: '0.1', outputPerMillionUsd: '10' };
  const paid = (provider: string) => ({ tier_1_paid: { provider, model: PAID, price, maxOutputTokens: 4_096 } });
  world = await openWorld({
    env: { DEMO_KEY: 'sk-ant-demo' },
    ladders: {
      openai: paid('openai'),
      anthropic: paid('anthropic'),
      ollama: { tier_1_free: { provider: 'ollama', model: FREE } },
    },
    plugins: ({ url }) => [{ use: '@purser/anthropic', config: { baseUrl: url, apiKeyEnv: 'DEMO_KEY' } }],
  });
});
afterAll(() => world.close());

const picture = 'iVBORw0KGgoAAAANSUhEUgAA'.repeat(10_000);
/** It begins in ASCII and does not go on so. */
const text = `${'All that I know. '.repeat(20)}${'Zwölf Boxkämpfer, 狐 🦊. '.repeat(8_000)}`;
/** Arguments of a tool call, which some protocols carry as JSON in a string. */
const numbers = `[${'1,'.repeat(50_000)}1]`;

const url = `data:image/png;base64,${picture}`;
const tool = { type: 'object', properties: { at: { type: 'array' } } };
const BODIES = {
  '/v1/chat/completions': {
    messages: [
      { role: 'system', content: text },
      {
        role: 'user',
        content: [
          { type: 'text', text },
          { type: 'image_url', image_url: { url } },
        ],
      },
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'plot', arguments: `{"at":${numbers}}` } }],
      },
      { role: 'tool', tool_call_id: 'call_1', content: text },
    ],
    tools: [{ type: 'function', function: { name: 'plot', description: text, parameters: tool } }],
  },
  '/v1/messages': {
    max_tokens: 100,
    system: text,
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text },
          { type: 'image', source: { type: 'base64', media_type: 'image/png', data: picture } },
        ],
      },
      {
        role: 'assistant',
        content: [{ type: 'tool_use', id: 'call_1', name: 'plot', input: { at: JSON.parse(numbers) as number[] } }],
      },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'call_1', content: text }] },
    ],
    tools: [{ name: 'plot', description: text, input_schema: tool }],
  },
  '/v1/responses': {
    instructions: text,
    input: [
      {
        role: 'user',
        content: [
          { type: 'input_text', text },
          { type: 'input_image', image_url: url },
        ],
      },
      { type: 'function_call', call_id: 'call_1', name: 'plot', arguments: `{"at":${numbers}}` },
      { type: 'function_call_output', call_id: 'call_1', output: text },
    ],
    tools: [{ type: 'function', name: 'plot', description: text, parameters: tool }],
  },
};
const PATHS = Object.keys(BODIES) as (keyof typeof BODIES)[];

const post = (path: keyof typeof BODIES, model: string, streaming: boolean) =>
  fetch(`${world.gateway.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${world.adminKey}` },
    body: JSON.stringify({ model, ...BODIES[path], ...(streaming ? { stream: true } : {}) }),
  });

/** Every string in it, wherever it stands; JSON in a string is looked into. */
function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return value.startsWith('{"at":[') ? textsIn(JSON.parse(value)) : [value];
  if (typeof value === 'number') return [String(value)];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsIn) : [];
}

describe.each(PATHS.flatMap((path) => ['openai', 'anthropic', 'ollama'].map((model) => [path, model] as const)))(
  'a large body by %s to %s',
  (path, model) => {
    it.each([false, true])('arrives whole (stream: %s)', async (streaming) => {
      const answer = await post(path, model, streaming);
      const said = await answer.text();
      expect([answer.status, answer.status === 200 ? '' : said]).toEqual([200, '']);
      const asked = world.models.calls.at(-1);
      const texts = textsIn(asked?.request);
      // Pictures go as an address with their bytes in it, or as these bytes alone.
      expect(texts.filter((one) => one === picture || one === url)).toHaveLength(1);
      // Instructions, what the user said, the description of the tool, and its result.
      expect(texts.filter((one) => one === text)).toHaveLength(4);
      expect(texts.filter((one) => one === '1')).toHaveLength(50_001);
      expect(said).not.toContain('purser:');
    });
  },
);
