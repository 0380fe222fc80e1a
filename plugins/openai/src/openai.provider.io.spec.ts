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
  const protocols = ['chat-completions', 'responses'];
  const checks = modelProviderChecks({
    model: 'demo',
    passThrough: ['chat-completions', 'responses'],
    open: async () => {
      const server = await startModelServer({ models, apiKey: 'sk-demo' });
      return {
        provider: provide({ baseUrl: server.openaiBaseUrl, apiKeyEnv: 'DEMO_KEY', protocols }, { DEMO_KEY: 'sk-demo' }),
        upstream: { next: (behaviour) => server.script(behaviour, { times: 1 }), calls: server.calls },
        close: () => server.stop(),
      };
    },
    unreachable: async () => {
      const server = await startModelServer({ models });
      await server.stop();
      return provide({ baseUrl: server.openaiBaseUrl, protocols });
    },
  });
  for (const { name, run } of checks) it(name, run);
});

describe('what it vouches for', () => {
  const own = 'https://eu.api.openai.com/v1';
  const azure = 'https://acme.openai.azure.com/openai/v1';

  it('is the tokenizer and the standard price of OpenAI’s own service alone', () => {
    for (const provider of [provide({}), provide({ baseUrl: own })]) {
      expect(provider.tokenizerOf?.('gpt-5-mini')).toBe('o200k_base');
      expect(provider.tokenizerOf?.('demo')).toBeUndefined();
      expect(provider.standardServiceTier).toBe('default');
    }
    const others = [azure, 'https://api.openai.com.evil/v1', 'http://127.0.0.1:1/v1'];
    for (const provider of [
      ...others.map((baseUrl) => provide({ baseUrl })),
      ...others.map((url) => provide({}, { OPENAI_BASE_URL: url })),
      provide({}, { OPENAI_BASE_URL: 'no address' }),
    ]) {
      expect(provider.tokenizerOf?.('gpt-5-mini')).toBeUndefined();
      expect(provider.standardServiceTier).toBeUndefined();
    }
  });

  it('is no tier where the project’s own is to count, or none may be named', () => {
    expect(provide({ serviceTier: 'auto' }).standardServiceTier).toBeUndefined();
    expect(provide({ unsupportedParameters: ['service_tier'] }).standardServiceTier).toBeUndefined();
  });
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

  it.each(['{"id":"x","choices":[]}', '<html>Bad gateway</html>', ''])(
    'takes an answer that is not called JSON as a failure that may be billed: %j',
    async (body) => {
      await start();
      const plain = createServer((_request, response) => {
        response.setHeader('content-type', 'text/plain');
        response.end(body);
      });
      await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
      try {
        const provider = provide({ baseUrl: `http://127.0.0.1:${(plain.address() as AddressInfo).port}/v1` });
        const failed = { name: 'ProviderError', kind: 'unknown', mayBill: true };
        await expect(provider.chat(request(), { signal })).rejects.toMatchObject(failed);
        await expect(provider.embed?.({ model: 'demo', input: 'x' }, { signal })).rejects.toMatchObject(failed);
      } finally {
        plain.closeAllConnections();
        await new Promise((resolve) => plain.close(resolve));
      }
    },
  );

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

describe('what it passes through', () => {
  const protocolsOf = (config: object, secrets: Record<string, string> = {}) =>
    Object.keys(provide(config, secrets).passThrough ?? {});

  it.each([
    [{}, {}, ['chat-completions', 'responses']],
    [{ baseUrl: 'https://eu.api.openai.com/v1' }, {}, ['chat-completions', 'responses']],
    [{ baseUrl: 'https://mine.openai.azure.com/openai/v1' }, {}, ['chat-completions', 'responses']],
    [{ baseUrl: 'http://127.0.0.1:8000/v1' }, {}, ['chat-completions']],
    [{ baseUrl: 'https://api.openai.com.example.org/v1' }, {}, ['chat-completions']],
    [
      { baseUrl: 'http://127.0.0.1:8000/v1', protocols: ['responses', 'chat-completions'] },
      {},
      ['chat-completions', 'responses'],
    ],
    [{ protocols: ['chat-completions'] }, {}, ['chat-completions']],
    [{}, { OPENAI_BASE_URL: 'http://127.0.0.1:8000/v1' }, ['chat-completions']],
    [{}, { OPENAI_BASE_URL: 'localhost:8000' }, ['chat-completions']],
  ])('%j with %j: %j', (config, secrets, expected) => {
    expect(protocolsOf(config, secrets)).toEqual(expected);
  });

  it('follows the address as it changes', () => {
    const secrets: Record<string, string> = {};
    const provider = provide({}, secrets);
    expect(provider.passThrough).toHaveProperty('responses');
    secrets.OPENAI_BASE_URL = 'http://127.0.0.1:8000/v1';
    expect(provider.passThrough).not.toHaveProperty('responses');
  });

  const adapted = (config: object, body: object) =>
    provide(config).passThrough?.['chat-completions']?.adapt?.({ ...body }, true);
  const streams = { stream_options: { include_usage: true } };

  it('names the output limit as the server knows it, and asks for the usage of streams where it may', () => {
    const body = { max_completion_tokens: 5, seed: 1, ...streams };
    expect(adapted({}, body)).toEqual(body);
    const elsewhere = { baseUrl: 'http://127.0.0.1:8000/v1' };
    expect(adapted(elsewhere, body)).toEqual({ max_tokens: 5, seed: 1, ...streams });
    expect(adapted({ ...elsewhere, requestStreamUsage: false }, body)).toEqual({ max_tokens: 5, seed: 1 });
    expect(adapted({ ...elsewhere, outputLimitField: 'max_completion_tokens' }, body)).toEqual(body);
  });

  it('sends its key, but neither organization nor project to a host that is not OpenAI’s', async () => {
    const seen: Record<string, unknown>[] = [];
    const server = createServer((request, response) => {
      seen.push({ ...request.headers, url: request.url });
      response.writeHead(401, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ error: { message: 'no sk-secret here', code: 'invalid_api_key' } }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const secrets = { OPENAI_API_KEY: 'sk-secret', OPENAI_ORG_ID: 'org', OPENAI_PROJECT_ID: 'project' };
      const { passThrough } = provide(
        { protocols: ['chat-completions', 'responses'] },
        { ...secrets, OPENAI_BASE_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/` },
      );
      const body = [new TextEncoder().encode('{}')];
      const sent = passThrough!.responses!.send({ body, streaming: false, headers: {} }, { signal });
      // The provider's own words, without the key that it repeats.
      await expect(sent).rejects.toMatchObject({
        kind: 'auth',
        status: 401,
        mayBill: false,
        message: 'no [secret] here',
      });
      expect(seen).toMatchObject([{ url: '/v1/responses', authorization: 'Bearer sk-secret' }]);
      expect(seen[0]).not.toHaveProperty('openai-organization');
    } finally {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
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
    expect(problems({ protocols: ['responses'] })).toEqual([expect.stringContaining('at least "chat-completions"')]);
    expect(problems({ baseURL: 'http://127.0.0.1' })).toHaveLength(1);
  });
});
