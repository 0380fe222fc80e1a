import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ChatProvider, ChatRequest, PluginContext } from '@purser/plugin-sdk';
import { modelProviderChecks } from '@purser/plugin-sdk/testing';
import { type ModelServer, type ModelServerOptions, startModelServer } from '@purser/testing';
import plugin from './index.js';

const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const models = { demo: { inputPerMillionUsd: 1, outputPerMillionUsd: 2 } };

function provide(config: object, secrets: Record<string, string> = {}): ChatProvider {
  const context: PluginContext = {
    logger: quiet,
    secret: (name) => secrets[name],
    signal: new AbortController().signal,
  };
  return plugin.capabilities.modelProvider!(context, plugin.config.parse(config)) as ChatProvider;
}

const signal = new AbortController().signal;
const request = (more: object = {}): ChatRequest => ({
  model: 'demo',
  messages: [{ role: 'user', content: 'Hello' }],
  max_completion_tokens: 100,
  ...more,
});

describe('conformance', () => {
  const checks = modelProviderChecks({
    model: 'demo',
    open: async () => {
      const server = await startModelServer({ models, apiKey: 'sk-demo' });
      return {
        provider: provide({ baseUrl: server.openaiBaseUrl, apiKeyEnv: 'DEMO_KEY' }, { DEMO_KEY: 'sk-demo' }),
        upstream: { next: (behaviour) => server.script(behaviour, { times: 1 }), calls: server.calls },
        close: () => server.stop(),
      };
    },
    unreachable: async () => {
      const server = await startModelServer({ models });
      await server.stop();
      return provide({ baseUrl: server.openaiBaseUrl });
    },
  });
  for (const { name, run } of checks) it(name, run);
});

describe('with the model server', () => {
  let server: ModelServer;
  const start = async (options: Partial<ModelServerOptions> = {}) => {
    server = await startModelServer({ models, ...options });
    return server;
  };
  afterEach(() => server.stop());

  it('passes on what it does not know, and sends the limit under one name', async () => {
    const { openaiBaseUrl, calls } = await start();
    const asked = request({ max_tokens: 5, seed: 3, vendor_option: { deep: [1] } });
    await provide({ baseUrl: openaiBaseUrl }).chat(asked, { signal });
    expect(calls.at(-1)!.request).toEqual({
      model: 'demo',
      messages: asked.messages,
      max_tokens: 100,
      seed: 3,
      vendor_option: { deep: [1] },
      stream: false,
    });
    await provide({ baseUrl: openaiBaseUrl, outputLimitField: 'max_completion_tokens' }).chat(asked, { signal });
    expect(calls.at(-1)!.request).toMatchObject({ max_completion_tokens: 100 });
    expect(calls.at(-1)!.request).not.toHaveProperty('max_tokens');
  });

  it('always asks for the usage of a stream, and hands its chunk on', async () => {
    const { openaiBaseUrl, calls } = await start();
    server.script({ reply: 'Hi', cachedTokens: 2 });
    const seen = [];
    const asked = request({ stream_options: { include_usage: false, include_obfuscation: false } });
    for await (const part of provide({ baseUrl: openaiBaseUrl }).streamChat(asked, { signal })) seen.push(part);
    expect(calls.at(-1)!.request.stream_options).toEqual({ include_usage: true, include_obfuscation: false });
    expect(seen.at(-1)).toMatchObject({
      chunk: { choices: [], usage: { completion_tokens: 1 } },
      usage: { outputTokens: 1, cachedTokens: 2 },
    });
    const without = provide({ baseUrl: openaiBaseUrl, requestStreamUsage: false });
    for await (const part of without.streamChat(request(), { signal })) expect(part.usage).toBeUndefined();
    expect(calls.at(-1)!.request).not.toHaveProperty('stream_options');
  });

  it('takes an error inside a stream, and a stream that just ends, as failures that may be billed', async () => {
    const { openaiBaseUrl } = await start();
    server.script({ outputTokens: 40, errorAfterTokens: 8, message: 'out of memory' });
    const read = async () => {
      for await (const part of provide({ baseUrl: openaiBaseUrl }).streamChat(request(), { signal })) void part;
    };
    await expect(read()).rejects.toMatchObject({ kind: 'overloaded', mayBill: true, message: 'out of memory' });

    const chunk = { id: 'x', object: 'chat.completion.chunk', choices: [{ index: 0, delta: { content: 'Hi' } }] };
    const half = createServer((_request, response) => {
      response.setHeader('content-type', 'text/event-stream');
      response.end(`data: ${JSON.stringify(chunk)}\n\n`);
    });
    await new Promise<void>((resolve) => half.listen(0, '127.0.0.1', resolve));
    try {
      const provider = provide({ baseUrl: `http://127.0.0.1:${(half.address() as AddressInfo).port}/v1` });
      const reading = (async () => {
        for await (const part of provider.streamChat(request(), { signal })) void part;
      })();
      await expect(reading).rejects.toMatchObject({ kind: 'connection', mayBill: true });
    } finally {
      half.closeAllConnections();
      await new Promise((resolve) => half.close(resolve));
    }
  });

  it('reads its key anew for every call, and says which variable holds one that is refused', async () => {
    const { openaiBaseUrl } = await start({ apiKey: 'new' });
    const secrets = { MY_KEY: 'old' };
    const provider = provide({ baseUrl: openaiBaseUrl, apiKeyEnv: 'MY_KEY' }, secrets);
    expect(await provider.check({ signal })).toEqual({
      available: false,
      reason: expect.stringContaining('refuses the key in MY_KEY (401)') as string,
    });
    secrets.MY_KEY = 'new';
    expect(await provider.check({ signal })).toEqual({ available: true, models: ['demo'] });
  });

  it('never sends an OpenAI key to a configured server that is not OpenAI’s', async () => {
    const { openaiBaseUrl } = await start({ apiKey: 'sk-openai' });
    const secrets = { OPENAI_API_KEY: 'sk-openai' };
    expect(await provide({ baseUrl: openaiBaseUrl }, secrets).check({ signal })).toEqual({
      available: false,
      reason: expect.stringContaining('name the environment variable of its key as "apiKeyEnv"') as string,
    });
    const byEnvironment = provide({}, { ...secrets, OPENAI_BASE_URL: openaiBaseUrl });
    expect(await byEnvironment.check({ signal })).toMatchObject({ available: true });
  });

  it('is available where models are not listed', async () => {
    const { url } = await start();
    expect(await provide({ baseUrl: `${url}/elsewhere` }).check({ signal })).toEqual({ available: true });
  });
});

describe('check() without a call', () => {
  it.each([
    [{}, {}, 'OPENAI_API_KEY is not set; set OPENAI_API_KEY in the environment'],
    [{ apiKeyEnv: 'OTHER_KEY' }, { OPENAI_API_KEY: 'sk-x' }, 'OTHER_KEY is not set'],
    [{}, { OPENAI_BASE_URL: 'localhost:8000' }, 'OPENAI_BASE_URL is not an http or https URL'],
  ])('%j with %j: %s', async (config, secrets, reason) => {
    expect(await provide(config, secrets).check({ signal })).toEqual({
      available: false,
      reason: expect.stringContaining(reason) as string,
    });
  });

  it('refuses settings that cannot be meant', () => {
    const problems = (config: object) => plugin.config.safeParse(config).error?.issues.map((issue) => issue.message);
    expect(problems({ apiKeyEnv: 'sk-live-1234' })).toEqual([expect.stringContaining('never the key itself')]);
    expect(problems({ baseUrl: 'localhost' })).toEqual([expect.stringContaining('an http or https URL')]);
    expect(problems({ baseURL: 'http://127.0.0.1' })).toHaveLength(1);
  });
});
