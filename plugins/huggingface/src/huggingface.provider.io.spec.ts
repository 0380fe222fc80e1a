import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ChatProvider, ChatRequest, ModelProvider, PluginContext } from '@purser/plugin-sdk';
import { embeddingChecks, modelProviderChecks } from '@purser/plugin-sdk/testing';
import { type ModelServer, type ModelServerOptions, startModelServer } from '@purser/testing';
import plugin from './index.js';

const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const model = 'acme/demo-7b';
const models = { [model]: { inputPerMillionUsd: 1, outputPerMillionUsd: 2 } };

type HuggingFace = ChatProvider & Required<Pick<ModelProvider, 'embed'>>;

function provide(config: object, secrets: Record<string, string> = {}): HuggingFace {
  const context: PluginContext = {
    logger: quiet,
    secret: (name) => secrets[name],
    signal: new AbortController().signal,
  };
  return plugin.capabilities.modelProvider!(context, plugin.config.parse(config)) as HuggingFace;
}

const signal = new AbortController().signal;
const request = (more: object = {}): ChatRequest => ({
  model,
  messages: [{ role: 'user', content: 'Hello' }],
  max_completion_tokens: 100,
  ...more,
});

const subject = (task: string) => ({
  model,
  open: async () => {
    const server = await startModelServer({ models, apiKey: 'hf_demo' });
    return {
      provider: provide({ baseUrl: server.huggingFaceUrl, tokenEnv: 'DEMO_TOKEN', task }, { DEMO_TOKEN: 'hf_demo' }),
      upstream: { next: (behaviour: object) => server.script(behaviour, { times: 1 }), calls: server.calls },
      close: () => server.stop(),
    };
  },
  unreachable: async () => {
    const server = await startModelServer({ models });
    await server.stop();
    return provide({ baseUrl: server.huggingFaceUrl, task });
  },
});

describe('conformance', () => {
  describe.each(['chat', 'text-generation'])('for %s', (task) => {
    for (const { name, run } of modelProviderChecks(subject(task))) it(name, run);
  });
  for (const { name, run } of embeddingChecks(subject('chat'))) it(name, run);
});

describe('with the model server', () => {
  let server: ModelServer;
  const start = async (config: object = {}, options: Partial<ModelServerOptions> = {}) => {
    server = await startModelServer({ models, ...options });
    return provide({ baseUrl: server.huggingFaceUrl, ...config });
  };
  afterEach(() => server.stop());

  it('passes on what it does not know, with the limit under its old name', async () => {
    const provider = await start();
    await provider.chat(request({ max_tokens: 5, seed: 3, vendor_option: { deep: [1] } }), { signal });
    expect(server.calls.at(-1)).toMatchObject({ api: 'huggingface', state: 'completed' });
    expect(server.calls.at(-1)!.request).toEqual({
      model,
      messages: request().messages,
      max_tokens: 100,
      seed: 3,
      vendor_option: { deep: [1] },
    });
    for await (const part of provider.streamChat(request(), { signal })) void part;
    expect(server.calls.at(-1)!.request).toMatchObject({ stream: true, stream_options: { include_usage: true } });
  });

  it('lets no caller lead a call and its token elsewhere', async () => {
    const elsewhere = createServer((_request, response) => response.writeHead(418).end());
    await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve));
    let asked = 0;
    elsewhere.on('request', () => (asked += 1));
    const url = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/v1`;
    try {
      for (const task of ['chat', 'text-generation']) {
        const provider = await start({ task });
        const tricks = { endpointUrl: url, accessToken: 'x', provider: 'groq', data: 'x', urlTransform: 'x' };
        await provider.chat(request(tricks), { signal });
        expect(server.calls.at(-1)!.request).not.toHaveProperty('provider');
        await server.stop();
      }
      expect(asked).toBe(0);
    } finally {
      await new Promise((resolve) => elsewhere.close(resolve));
    }
  });

  it('continues one message as it is, and makes a script of several', async () => {
    const provider = await start({ task: 'text-generation' });
    server.script({ reply: ' world' });
    const { completion } = await provider.chat(request({ temperature: 0, stop: ['\n'] }), { signal });
    expect(completion).toMatchObject({ model, choices: [{ message: { role: 'assistant', content: ' world' } }] });
    expect(server.calls.at(-1)!.request).toEqual({
      model,
      prompt: 'Hello',
      max_tokens: 100,
      temperature: 0,
      stop: ['\n'],
    });
    const messages = [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: [{ type: 'text', text: 'Hi' }] },
    ];
    await provider.chat(request({ messages }), { signal });
    expect(server.calls.at(-1)!.request.prompt).toBe('system: Be brief.\nuser: Hi\nassistant:');
    const picture = [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:,' } }] }];
    await expect(provider.chat(request({ messages: picture }), { signal })).rejects.toMatchObject({
      kind: 'invalid_request',
      mayBill: false,
    });
  });

  it('cannot call tools where text is only continued', async () => {
    expect((await start()).unsupportedParameters).not.toContain('tools');
    await server.stop();
    const provider = await start({ task: 'text-generation', unsupportedParameters: ['seed'] });
    expect(provider.unsupportedParameters).toEqual(
      expect.arrayContaining(['tools', 'response_format', 'seed', 'audio']),
    );
  });

  it('waits for a model that is being loaded as long as it is told to', async () => {
    const provider = await start();
    server.script({ status: 503, message: 'Model acme/demo-7b is currently loading' });
    await expect(provider.chat(request(), { signal })).rejects.toMatchObject({
      kind: 'overloaded',
      retryAfterMs: 20_000,
      mayBill: false,
      message: 'Model acme/demo-7b is currently loading',
    });
    expect(server.calls).toHaveLength(1);
  });

  it('says that credits are used up, which costs nothing', async () => {
    const provider = await start();
    const message = 'You have exceeded your monthly included credits for Inference Providers.';
    server.script({ status: 402, message });
    await expect(provider.chat(request(), { signal })).rejects.toMatchObject({
      kind: 'auth',
      status: 402,
      mayBill: false,
      message: expect.stringContaining(`${message} (see https://huggingface.co/settings/billing`) as string,
    });
  });

  it('takes an error inside a stream as one that came after work was done', async () => {
    const provider = await start();
    server.script({ outputTokens: 40, errorAfterTokens: 8, message: 'out of memory' });
    const reading = (async () => {
      for await (const part of provider.streamChat(request(), { signal })) void part;
    })();
    await expect(reading).rejects.toMatchObject({
      kind: 'overloaded',
      mayBill: true,
      message: expect.stringContaining('out of memory') as string,
    });
  });

  it('reads its token anew for every call, and says which variable holds one that is refused', async () => {
    await start({}, { apiKey: 'hf_new' });
    const secrets = { MY_TOKEN: 'hf_old' };
    const provider = provide({ baseUrl: server.huggingFaceUrl, tokenEnv: 'MY_TOKEN' }, secrets);
    expect(await provider.check({ signal })).toEqual({
      available: false,
      reason: expect.stringContaining('refuses the token in MY_TOKEN (401)') as string,
    });
    secrets.MY_TOKEN = 'hf_new';
    expect(await provider.check({ signal })).toEqual({ available: true });
  });

  it('sends a Hugging Face token elsewhere only when the environment says so', async () => {
    await start({}, { apiKey: 'hf_mine' });
    const secrets = { HF_TOKEN: 'hf_mine' };
    expect(await provide({ baseUrl: server.huggingFaceUrl }, secrets).check({ signal })).toEqual({
      available: false,
      reason: expect.stringContaining('name the environment variable of its token as "tokenEnv"') as string,
    });
    const byEnvironment = provide({}, { ...secrets, HF_BASE_URL: `${server.huggingFaceUrl}/` });
    expect(await byEnvironment.check({ signal })).toEqual({ available: true });
    await byEnvironment.chat(request(), { signal });
    expect(server.calls.at(-1)).toMatchObject({ api: 'huggingface', state: 'completed' });
  });

  it('knows a server for one model', async () => {
    const provider = await start({ dedicated: true, task: 'text-generation' });
    expect(await provider.check({ signal })).toEqual({ available: true });
    await provider.chat(request(), { signal });
    expect(server.calls.at(-1)!.request).toMatchObject({ model, prompt: 'Hello' });
  });
});

describe('embeddings', () => {
  /** Answers every request with the same. */
  async function withAnswer<T>(answer: unknown, use: (url: string) => Promise<T>): Promise<T> {
    const server = createServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      return await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    } finally {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }

  it('are not made of vectors for single tokens', async () => {
    await withAnswer(
      [
        [
          [0.1, 0.2],
          [0.3, 0.4],
        ],
      ],
      async (baseUrl) => {
        const call = provide({ baseUrl, dedicated: true }).embed({ model, input: 'Hello' }, { signal });
        await expect(call).rejects.toMatchObject({ kind: 'unknown', mayBill: true });
      },
    );
  });

  it('come from the root of a server for one model', async () => {
    await withAnswer([[0.5, 0.25]], async (baseUrl) => {
      const { answer, usage } = await provide({ baseUrl, dedicated: true }).embed({ model, input: 'x' }, { signal });
      expect(answer).toMatchObject({ model, data: [{ embedding: [0.5, 0.25] }] });
      expect(usage).toBeUndefined();
    });
  });
});

describe('check() without a call', () => {
  it.each([
    [{}, {}, 'HF_TOKEN is not set; set HF_TOKEN in the environment'],
    [{ tokenEnv: 'OTHER_TOKEN' }, { HF_TOKEN: 'hf_x' }, 'OTHER_TOKEN is not set'],
    [{}, { HF_BASE_URL: 'localhost:8085' }, 'HF_BASE_URL is not an http or https URL'],
  ])('%j with %j: %s', async (config, secrets, reason) => {
    expect(await provide(config, secrets).check({ signal })).toEqual({
      available: false,
      reason: expect.stringContaining(reason) as string,
    });
  });

  it('does not wake an Inference Endpoint', async () => {
    const baseUrl = 'https://x.endpoints.huggingface.cloud';
    const provider = provide({ baseUrl, dedicated: true }, { HF_TOKEN: 'hf_x' });
    expect(await provider.check({ signal })).toEqual({ available: true });
  });

  it('refuses settings that cannot be meant', () => {
    const problems = (config: object) => plugin.config.safeParse(config).error?.issues.map((issue) => issue.message);
    expect(problems({ tokenEnv: 'hf-live-1234' })).toEqual([expect.stringContaining('never the token itself')]);
    expect(problems({ baseUrl: 'localhost' })).toEqual([expect.stringContaining('an http or https URL')]);
    expect(problems({ task: 'summarization' })).toHaveLength(1);
  });
});
