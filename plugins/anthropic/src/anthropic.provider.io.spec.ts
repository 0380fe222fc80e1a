import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import Anthropic from '@anthropic-ai/sdk';
import type { ChatProvider, ChatRequest, ModelProvider, PluginContext } from '@purser/plugin-sdk';
import { modelProviderChecks } from '@purser/plugin-sdk/testing';
import { type ModelServer, type ModelServerOptions, startModelServer } from '@purser/testing';
import plugin from './index.js';

const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const models = { 'claude-demo-20990101': { inputPerMillionUsd: 3, outputPerMillionUsd: 15 } };
const model = 'claude-demo-20990101';
type Provider = ChatProvider & Required<Pick<ModelProvider, 'countTokens' | 'passThrough'>>;

function provide(config: object, secrets: Record<string, string> = {}): Provider {
  const context: PluginContext = {
    logger: quiet,
    secret: (name) => secrets[name],
    signal: new AbortController().signal,
  };
  return plugin.capabilities.modelProvider!(context, plugin.config.parse(config)) as Provider;
}

const signal = new AbortController().signal;
const request = (more: object = {}): ChatRequest => ({
  model,
  messages: [{ role: 'user', content: 'Hello' }],
  max_completion_tokens: 100,
  ...more,
});
const bytes = (body: object) => [new TextEncoder().encode(JSON.stringify(body))];

describe('conformance', () => {
  const checks = modelProviderChecks({
    model,
    passThrough: ['messages'],
    open: async () => {
      const server = await startModelServer({ models, apiKey: 'sk-ant-demo' });
      return {
        provider: provide({ baseUrl: server.url, apiKeyEnv: 'DEMO_KEY' }, { DEMO_KEY: 'sk-ant-demo' }),
        upstream: { next: (behaviour) => server.script(behaviour, { times: 1 }), calls: server.calls },
        close: () => server.stop(),
      };
    },
    unreachable: async () => {
      const server = await startModelServer({ models });
      await server.stop();
      return provide({ baseUrl: server.url });
    },
  });
  for (const { name, run } of checks) it(name, run);
});

describe('with the model server', () => {
  let server: ModelServer;
  const start = async (options: Partial<ModelServerOptions> = {}) => {
    server = await startModelServer({ models, ...options });
    return provide({ baseUrl: server.url });
  };
  afterEach(() => server.stop());
  const stream = async (provider: Provider, asked: ChatRequest) => {
    const parts = [];
    for await (const part of provider.streamChat(asked, { signal })) parts.push(part);
    return parts;
  };

  it('asks and answers in OpenAI’s terms, tools, thoughts and the cache’s tokens included', async () => {
    const provider = await start();
    const call = { id: 'call_1', type: 'function', function: { name: 'look', arguments: '{"at":"it"}' } };
    const asked = request({
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Look, and again.' },
        { role: 'assistant', content: '', tool_calls: [call, { ...call, id: 'x:2' }] },
        { role: 'tool', tool_call_id: 'call_1', content: 'a cat' },
        { role: 'tool', tool_call_id: 'x:2', content: '' },
      ],
      tools: [{ type: 'function', function: { name: 'look', parameters: { type: 'object' } } }],
      tool_choice: 'auto',
      temperature: 0,
      stop: ['END'],
      n: 1,
    });
    const behaviour = {
      thinking: 'It is a cat.',
      reply: 'A cat.',
      toolCalls: [{ name: 'look', arguments: { at: 'it', closely: true } }],
      cachedTokens: 5,
      cacheWriteTokens: 3,
      cacheWriteLongTokens: 2,
      serviceTier: 'priority',
    };
    server.script(behaviour);
    const { completion, usage } = await provider.chat(asked, { signal });
    const { inputTokens, outputTokens } = server.calls.at(-1)!;
    const told = {
      inputTokens,
      outputTokens,
      cachedTokens: 5,
      cacheWriteTokens: 3,
      cacheWriteLongTokens: 2,
      reasoningTokens: 3,
      serviceTier: 'priority',
    };
    expect(usage).toEqual(told);
    expect(completion).toMatchObject({
      choices: [
        {
          message: {
            content: 'A cat.',
            reasoning_content: 'It is a cat.',
            tool_calls: [{ function: { name: 'look', arguments: '{"at":"it","closely":true}' } }],
          },
          finish_reason: 'tool_calls',
        },
      ],
      usage: { prompt_tokens: inputTokens, prompt_tokens_details: { cached_tokens: 5 } },
    });

    const parts = await stream(provider, asked);
    expect(parts.at(-1)?.usage).toEqual(told);
    type Delta = { content?: string; reasoning_content?: string; tool_calls?: { function: { arguments: string } }[] };
    const deltas = parts.flatMap(({ chunk }) => (chunk.choices as { delta: Delta }[]).map(({ delta }) => delta));
    expect(deltas.map(({ content = '' }) => content).join('')).toBe('A cat.');
    expect(deltas.map(({ reasoning_content: thought = '' }) => thought).join('')).toBe('It is a cat.');
    expect(deltas.map(({ tool_calls: calls = [] }) => calls[0]?.function.arguments ?? '').join('')).toBe(
      '{"at":"it","closely":true}',
    );
  });

  it('counts tokens as the server does, for free', async () => {
    const provider = await start();
    const asked = request({ reasoning_effort: 'high', temperature: 0.5, stop: 'END', service_tier: 'default' });
    const counted = await provider.countTokens(asked, { signal });
    expect(server.counters.calls).toBe(0);
    expect((await provider.chat(asked, { signal })).usage?.inputTokens).toBe(counted);
    await expect(provider.countTokens({ ...asked, model: 'nobody' }, { signal })).rejects.toMatchObject({
      kind: 'model_not_found',
      mayBill: false,
    });
    await expect(provider.countTokens(asked, { signal: AbortSignal.abort('late') })).rejects.toBe('late');
  });

  it('thinks as the list of models says that the model can, also under its undated name', async () => {
    const can = (supported: boolean) => ({ supported });
    const no = can(false);
    const provider = await start({
      capabilities: {
        [model]: {
          effort: { supported: false, low: no, medium: no, high: no, xhigh: null, max: no },
          thinking: {
            supported: true,
            types: { adaptive: no, enabled: can(true), disabled: can(true), between_tools: no },
          },
        },
      },
    });
    expect(await provider.check({ signal })).toEqual({ available: true, models: ['claude-demo', model] });
    await provider.chat(request({ reasoning_effort: 'medium', max_completion_tokens: 4000 }), { signal });
    expect(server.calls.at(-1)!.request).toMatchObject({ thinking: { type: 'enabled', budget_tokens: 2000 } });
    expect(server.calls.at(-1)!.request).not.toHaveProperty('output_config');
  });

  it('takes an error inside a stream as a failure that may be billed', async () => {
    const provider = await start();
    server.script({ outputTokens: 40, errorAfterTokens: 8, message: 'Overloaded' });
    await expect(stream(provider, request())).rejects.toMatchObject({
      kind: 'overloaded',
      mayBill: true,
      message: 'Overloaded',
    });
  });

  it('is overloaded when Anthropic says so, which is not billed', async () => {
    const provider = await start();
    server.script({ status: 529, message: 'Overloaded' });
    const failure = { kind: 'overloaded', status: 529, mayBill: false, message: 'Overloaded' };
    await expect(provider.chat(request(), { signal })).rejects.toMatchObject(failure);
    const asked = {
      body: bytes({ model, max_tokens: 9, messages: request().messages }),
      streaming: false,
      headers: {},
    };
    await expect(provider.passThrough.messages!.send(asked, { signal })).rejects.toMatchObject(failure);
  });

  it('reads its key anew for every call, and says which variable holds one that is refused', async () => {
    await start({ apiKey: 'new' });
    const secrets = { MY_KEY: 'old' };
    const provider = provide({ baseUrl: server.url, apiKeyEnv: 'MY_KEY' }, secrets);
    expect(await provider.check({ signal })).toEqual({
      available: false,
      reason: expect.stringContaining('refuses the key in MY_KEY (401)') as string,
    });
    secrets.MY_KEY = 'new';
    expect(await provider.check({ signal })).toMatchObject({ available: true });
    const asked = {
      body: bytes({ model, max_tokens: 9, messages: request().messages }),
      streaming: false,
      headers: {},
    };
    const { contentType, body } = await provider.passThrough.messages!.send(asked, { signal });
    for await (const part of body) expect(part.length).toBeGreaterThan(0);
    expect(contentType).toBe('application/json');
  });

  it('never sends an Anthropic key to a configured server that is not Anthropic’s', async () => {
    await start({ apiKey: 'sk-ant' });
    const secrets = { ANTHROPIC_API_KEY: 'sk-ant' };
    expect(await provide({ baseUrl: server.url }, secrets).check({ signal })).toEqual({
      available: false,
      reason: expect.stringContaining('name the environment variable of its key as "apiKeyEnv"') as string,
    });
    const byEnvironment = provide({}, { ...secrets, ANTHROPIC_BASE_URL: `${server.url}/v1/` });
    expect(await byEnvironment.check({ signal })).toMatchObject({ available: true });
  });

  it('is available where models are not listed', async () => {
    await start();
    expect(await provide({ baseUrl: `${server.url}/elsewhere` }).check({ signal })).toEqual({ available: true });
  });

  it('is served by a server that Anthropic’s own client understands', async () => {
    await start({ apiKey: 'sk-ant' });
    const client = new Anthropic({ baseURL: server.url, apiKey: 'sk-ant', maxRetries: 0, logLevel: 'off' });
    server.script({ thinking: 'Hm.', reply: 'Hello.', toolCalls: [{ name: 'look', arguments: { at: 'it' } }] });
    const messages = [{ role: 'user' as const, content: 'Hello' }];
    const whole = await client.messages.create({ model, max_tokens: 100, messages });
    const streamed = await client.messages.stream({ model, max_tokens: 100, messages }).finalMessage();
    for (const { content } of [whole, streamed])
      expect(content).toMatchObject([
        { type: 'thinking', thinking: 'Hm.' },
        { type: 'text', text: 'Hello.' },
        { type: 'tool_use', name: 'look', input: { at: 'it' } },
      ]);
    expect(streamed.usage).toMatchObject({ output_tokens: whole.usage.output_tokens });
    expect(await client.messages.countTokens({ model, messages })).toEqual({ input_tokens: whole.usage.input_tokens });
    expect((await client.models.list()).data).toMatchObject([{ id: model }]);
  });
});

describe('at a server of its own kind', () => {
  const at = async (answer: RequestListener, use: (url: string) => Promise<void>) => {
    const server = createServer(answer);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    } finally {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  };

  it('sends its own headers and the client’s of the protocol, no others', async () => {
    const seen: Record<string, unknown>[] = [];
    const answer: RequestListener = (asked, response) => {
      seen.push(asked.headers);
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"content": [], "usage": null}');
    };
    process.env.ANTHROPIC_CUSTOM_HEADERS = 'x-other: not for this server';
    try {
      await at(answer, async (url) => {
        const provider = provide({ baseUrl: url, apiKeyEnv: 'KEY' }, { KEY: 'sk-ant-key' });
        await provider.chat(request(), { signal });
        const headers = {
          'anthropic-version': '2026-10-21',
          'anthropic-beta': 'a,b',
          'x-other': 'no',
          'x-api-key': 'psk',
        };
        for (const given of [{}, headers])
          for await (const part of (
            await provider.passThrough.messages!.send({ body: bytes({}), streaming: false, headers: given }, { signal })
          ).body)
            expect(part.length).toBeGreaterThan(0);
      });
    } finally {
      delete process.env.ANTHROPIC_CUSTOM_HEADERS;
    }
    const own = { 'x-api-key': 'sk-ant-key', 'anthropic-version': '2023-06-01' };
    expect(seen).toMatchObject([own, own, { ...own, 'anthropic-version': '2026-10-21', 'anthropic-beta': 'a,b' }]);
    for (const headers of seen) {
      expect(headers).not.toHaveProperty('x-other');
      expect(headers).not.toHaveProperty('authorization');
    }
  });

  it('never repeats its key in an error', async () => {
    const answer: RequestListener = (_asked, response) =>
      response
        .writeHead(401, { 'content-type': 'application/json' })
        .end('{"error": {"message": "not sk-ant-secret"}}');
    await at(answer, async (url) => {
      const provider = provide({ baseUrl: url, apiKeyEnv: 'KEY' }, { KEY: 'sk-ant-secret' });
      const failed = await provider.chat(request(), { signal }).catch((error: unknown) => error);
      const passed = await provider.passThrough
        .messages!.send({ body: bytes({}), streaming: false, headers: {} }, { signal })
        .catch((error: unknown) => error);
      for (const error of [failed, passed]) {
        expect(error).toMatchObject({ kind: 'auth', status: 401, message: 'not [secret]' });
        expect((error as Error).cause).toBeUndefined();
      }
    });
  });

  it('takes a stream that just ends, and an answer that is none, as failures that may be billed', async () => {
    const start = { type: 'message_start', message: { id: 'x', model, content: [] } };
    await at(
      (asked, response) => {
        asked.resume().once('end', () => {
          response.setHeader('content-type', 'text/event-stream');
          response.end(`event: message_start\ndata: ${JSON.stringify(start)}\n\n`);
        });
      },
      async (url) => {
        const reading = (async () => {
          for await (const part of provide({ baseUrl: url }).streamChat(request(), { signal })) void part;
        })();
        await expect(reading).rejects.toMatchObject({ kind: 'connection', mayBill: true });
      },
    );
    await at(
      (_asked, response) => response.end('<h1>Welcome</h1>'),
      async (url) => {
        await expect(provide({ baseUrl: url }).chat(request(), { signal })).rejects.toMatchObject({
          kind: 'unknown',
          mayBill: true,
          message: expect.stringContaining('does not answer as Anthropic does') as string,
        });
      },
    );
  });
});

describe('check() without a call', () => {
  it.each([
    [{}, {}, 'ANTHROPIC_API_KEY is not set; set ANTHROPIC_API_KEY in the environment'],
    [{ apiKeyEnv: 'OTHER_KEY' }, { ANTHROPIC_API_KEY: 'sk-x' }, 'OTHER_KEY is not set'],
    [{}, { ANTHROPIC_BASE_URL: 'localhost:8000' }, 'ANTHROPIC_BASE_URL is not an http or https URL'],
  ])('%j with %j: %s', async (config, secrets, reason) => {
    expect(await provide(config, secrets).check({ signal })).toEqual({
      available: false,
      reason: expect.stringContaining(reason) as string,
    });
  });

  it('refuses settings that cannot be meant', () => {
    const problems = (config: object) => plugin.config.safeParse(config).error?.issues.map((issue) => issue.message);
    expect(problems({ apiKeyEnv: 'sk-ant-1234' })).toEqual([expect.stringContaining('never the key itself')]);
    expect(problems({ baseUrl: 'localhost' })).toEqual([expect.stringContaining('an http or https URL')]);
    expect(problems({ baseURL: 'http://127.0.0.1' })).toHaveLength(1);
  });

  it('says what it cannot do, the configured included', () => {
    const { unsupportedParameters, cancelledCallsBill } = provide({ unsupportedParameters: ['temperature', 'n'] });
    expect(unsupportedParameters).toEqual(expect.arrayContaining(['n', 'logprobs', 'seed', 'temperature']));
    expect(new Set(unsupportedParameters).size).toBe(unsupportedParameters?.length);
    expect(cancelledCallsBill).toBe('full');
    expect(provide({ cancelledCallsBill: 'delivered' }).cancelledCallsBill).toBe('delivered');
  });
});
