import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Anthropic from '@anthropic-ai/sdk';
import { formatUsd } from '@purser/money';
import { eventually, type ModelServer, startModelServer } from '@purser/testing';
import { FREE, openWorld, PAID, type World } from '../gateway.fixture.js';
import { TestSpends } from '../test-spends.fixture.js';

jest.setTimeout(60_000);
let world: World;
const spends = new TestSpends(() => world);
/** Speaks Messages itself; the free tier behind it is another server's. */
let claude: ModelServer;
let config: string;

beforeAll(async () => {
  config = await mkdtemp(join(tmpdir(), 'purser-messages-'));
  const price = { inputPerMillionUsd: '1', cachedPerMillionUsd: '0.1', outputPerMillionUsd: '10' };
  claude = await startModelServer({ models: { [PAID]: price }, apiKey: 'sk-ant-demo', cancelledCallsBill: 'full' });
  const paid = { provider: 'anthropic', model: PAID, price, maxOutputTokens: 4_096 };
  const ladders = { writing: { tier_1_paid: paid, tier_2_free: { provider: 'ollama', model: FREE } } };
  await writeFile(join(config, 'models.json'), JSON.stringify(ladders));
  const anthropic = { use: '@purser/anthropic', config: { baseUrl: claude.url, apiKeyEnv: 'DEMO_KEY' } };
  await writeFile(join(config, 'plugins.json'), JSON.stringify({ plugins: [anthropic, { use: '@purser/ollama' }] }));
  world = await openWorld({ env: { PURSER_CONFIG_DIR: config, DEMO_KEY: 'sk-ant-demo' } });
});
afterAll(async () => {
  await world.close();
  await claude.stop();
  await rm(config, { recursive: true, force: true });
});
beforeEach(() => {
  claude.clearScript();
  spends.begin();
});

const client = () => new Anthropic({ apiKey: world.adminKey, baseURL: world.gateway.url, maxRetries: 0 });
const messages = [{ role: 'user' as const, content: 'Hello' }];
const ask = (more: object = {}) => ({ model: 'writing', max_tokens: 1_000, messages, ...more });
const oneSpend = () => spends.one();

it('passes a request on as it came, and its answer back', async () => {
  claude.script({ cachedTokens: 2 }, { times: 1 });
  const { data, response } = await client()
    .messages.create(
      ask({
        diagnostics: { previous_message_id: null },
        system: [{ type: 'text', text: 'Be brief.' }],
        max_tokens: 9_000,
      }),
    )
    .withResponse();
  const call = claude.calls.at(-1);
  expect(call).toMatchObject({
    api: 'anthropic',
    request: {
      model: PAID,
      max_tokens: 4_096,
      diagnostics: { previous_message_id: null },
      system: [{ type: 'text', text: 'Be brief.' }],
      messages,
    },
  });
  expect(data).toMatchObject({ id: expect.stringContaining('msg_demo') as unknown, stop_reason: 'end_turn' });
  expect(data.usage).toMatchObject({ cache_read_input_tokens: 2, output_tokens: call?.outputTokens });
  expect(response.headers.get('x-purser-provider')).toBe('anthropic');
  expect(response.headers.get('x-purser-max-tokens-set')).toBe('4096');
  expect(await oneSpend()).toMatchObject({
    outcome: 'ok',
    finality: 'final',
    amountUsd: formatUsd(call?.billedNano ?? 0n),
    inputTokens: call?.inputTokens,
    outputTokens: call?.outputTokens,
    cachedTokens: 2,
  });
});

it('passes thinking, tools and their signatures on in a stream', async () => {
  const toolCalls = [{ name: 'look', arguments: { at: 'Köln' } }];
  claude.script({ thinking: 'I should look.', reply: 'I look.', toolCalls }, { times: 1 });
  const tools: Anthropic.Tool[] = [{ name: 'look', input_schema: { type: 'object' } }];
  const message = await client()
    .messages.stream(ask({ tools, thinking: { type: 'adaptive' } }))
    .finalMessage();
  const call = claude.calls.at(-1);
  expect(message).toMatchObject({
    stop_reason: 'tool_use',
    content: [
      { type: 'thinking', thinking: 'I should look.', signature: 'c2lnbmVk' },
      { type: 'text', text: 'I look.' },
      { type: 'tool_use', name: 'look', input: { at: 'Köln' } },
    ],
  });
  expect((await oneSpend())?.amountUsd).toBe(formatUsd(call?.billedNano ?? 0n));
  await client().messages.create(ask({ messages: [...messages, { role: 'assistant', content: message.content }] }));
  expect(JSON.stringify(claude.calls.at(-1)?.request)).toContain('c2lnbmVk');
});

it('counts tokens as the provider counts them', async () => {
  const { data, response } = await client()
    .messages.countTokens({ model: 'writing', messages, system: 'Be brief.' })
    .withResponse();
  await client().messages.create(ask({ system: 'Be brief.' }));
  expect(data.input_tokens).toBe(claude.calls.at(-1)?.inputTokens);
  expect(response.headers.get('x-purser-provider')).toBe('anthropic');
  expect(response.headers.get('x-purser-estimated')).toBeNull();
});

it('cancels what its client leaves', async () => {
  claude.script({ outputTokens: 400, chunkGapMs: 20 }, { times: 1 });
  const stream = await client().messages.create({ ...ask(), stream: true });
  for await (const event of stream) if (event.type === 'content_block_delta') break;
  await eventually(() => expect(claude.calls.at(-1)?.state).toBe('cancelled'));
  const spend = await oneSpend();
  expect(spend).toMatchObject({ outcome: 'cancelled', finality: 'presumed', amountUsd: spend?.holdUsd });
});

it.each([[{ errorAfterTokens: 8 }], [{ dropAfterTokens: 8 }]])(
  'tells in the stream what went wrong there: %j',
  async (behaviour) => {
    await eventually(async () => {
      claude.clearScript();
      claude.script({ outputTokens: 40, ...behaviour });
      const stream = client().messages.stream(ask());
      await expect(stream.finalMessage()).rejects.toMatchObject({ type: 'api_error', errorCode: 'provider_failed' });
    });
  },
);

it('goes on elsewhere in the same conversation while Anthropic is overloaded, and comes back', async () => {
  claude.script({ status: 529, message: 'Overloaded' });
  const thinking = { type: 'adaptive' as const };
  const { data, response } = await client().messages.create(ask({ thinking })).withResponse();
  expect(response.headers.get('x-purser-provider')).toBe('ollama');
  expect(response.headers.get('x-purser-fallback-reason')).toMatch(/^tier_1_paid/);
  expect(world.models.calls.at(-1)).toMatchObject({ api: 'ollama', request: { messages } });
  claude.clearScript();
  const next = [...messages, { role: 'assistant' as const, content: data.content }, ...messages];
  await eventually(async () => {
    const again = await client()
      .messages.create(ask({ thinking, messages: next }))
      .withResponse();
    expect(again.response.headers.get('x-purser-provider')).toBe('anthropic');
  });
  expect(claude.calls.at(-1)?.request.messages).toMatchObject([{}, { content: [{ type: 'text' }] }, {}]);
});
