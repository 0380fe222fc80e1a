import {
  type ChatProvider,
  type ChatRequest,
  type ModelProvider,
  type PluginContext,
  type PullProgress,
  unmetParameters,
} from '@purser/plugin-sdk';
import { embeddingChecks, modelProviderChecks } from '@purser/plugin-sdk/testing';
import { type ModelServer, startModelServer } from '@purser/testing';
import plugin from './index.js';

const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const free = { inputPerMillionUsd: 0, outputPerMillionUsd: 0 };

type Ollama = ChatProvider & Required<Pick<ModelProvider, 'embed' | 'pullModel'>>;

function provide(config: object, secrets: Record<string, string> = {}): Ollama {
  const context: PluginContext = {
    logger: quiet,
    secret: (name) => secrets[name],
    signal: new AbortController().signal,
  };
  return plugin.capabilities.modelProvider!(context, plugin.config.parse(config)) as Ollama;
}

const signal = new AbortController().signal;
const request: ChatRequest = {
  model: 'local:latest',
  messages: [{ role: 'user', content: 'Hello' }],
  max_completion_tokens: 100,
};

describe('conformance', () => {
  const subject = {
    model: 'local:latest',
    open: async () => {
      const server = await startModelServer({ models: { 'local:latest': free } });
      return {
        provider: provide({ host: server.url }),
        upstream: { next: (behaviour: object) => server.script(behaviour, { times: 1 }), calls: server.calls },
        close: () => server.stop(),
      };
    },
    unreachable: async () => {
      const server = await startModelServer({ models: {} });
      await server.stop();
      return provide({ host: server.url });
    },
  };
  for (const { name, run } of modelProviderChecks(subject)) it(name, run);
  for (const { name, run } of embeddingChecks(subject)) it(name, run);
});

describe('with the model server', () => {
  let server: ModelServer;
  const start = async (models: Record<string, typeof free>) => {
    server = await startModelServer({ models });
    return provide({}, { OLLAMA_HOST: server.url.replace('http://', '') });
  };
  afterEach(() => server.stop());

  it('lists its models, also without ":latest"', async () => {
    const provider = await start({ 'local:latest': free, 'big:70b': free });
    expect(await provider.check({ signal })).toEqual({ available: true, models: ['local:latest', 'local', 'big:70b'] });
  });

  it('is not available without a model, and says how to get one', async () => {
    const provider = await start({});
    expect(await provider.check({ signal })).toEqual({
      available: false,
      reason: expect.stringContaining('ollama pull') as string,
    });
  });

  it('answers in one piece by asking for it, in Ollama’s protocol', async () => {
    const provider = await start({ 'local:latest': free });
    await provider.chat(request, { signal });
    expect(server.calls.at(-1)).toMatchObject({
      api: 'ollama',
      request: { stream: false, options: { num_predict: 100 }, messages: [{ role: 'user', content: 'Hello' }] },
    });
  });

  it('cannot keep a model from calling several tools at once, and says so', async () => {
    const { unsupportedParameters = [] } = await start({ 'local:latest': free });
    expect(unmetParameters({ parallel_tool_calls: false }, unsupportedParameters)).toEqual(['parallel_tool_calls']);
    expect(unmetParameters({ parallel_tool_calls: true }, unsupportedParameters)).toEqual([]);
  });

  it('asks again without thinking where the model cannot', async () => {
    const provider = await start({ 'local:latest': free });
    server.script({ status: 400, message: '"local:latest" does not support thinking' }, { times: 1 });
    server.script({ reply: 'Hi' });
    const { completion } = await provider.chat({ ...request, reasoning_effort: 'high' }, { signal });
    expect(completion).toMatchObject({ choices: [{ message: { content: 'Hi' } }] });
    expect(server.calls.map((call) => call.request.think)).toEqual(['high', undefined]);
  });

  it('streams thinking, text and tool calls, each as it comes', async () => {
    const provider = await start({ 'local:latest': free });
    const calls = ['it', 'that'].map((at) => ({ name: 'look', arguments: { at } }));
    server.script({ thinking: 'I should look.', reply: 'Wait', toolCalls: calls });
    const tools = [{ type: 'function', function: { name: 'look', parameters: { type: 'object' } } }];
    const chunks = [];
    for await (const part of provider.streamChat({ ...request, tools }, { signal })) chunks.push(part);
    expect(server.calls.at(-1)!.request.tools).toEqual(tools);
    const deltas = chunks.flatMap(
      ({ chunk }) => (chunk.choices as { delta: unknown; finish_reason: unknown }[])[0] ?? [],
    );
    expect(deltas.map(({ delta }) => delta)).toEqual([
      { role: 'assistant', content: '', reasoning_content: 'I should look.' },
      { content: 'Wait' },
      {
        tool_calls: ['it', 'that'].map((at, index) => ({
          index,
          id: expect.stringMatching(/^call_/) as string,
          type: 'function',
          function: { name: 'look', arguments: JSON.stringify({ at }) },
        })),
      },
      {},
    ]);
    expect(deltas.map(({ finish_reason }) => finish_reason)).toEqual([null, null, null, 'tool_calls']);
    expect(chunks.at(-1)!.usage!.outputTokens).toBe(server.calls.at(-1)!.outputTokens);
  });

  it('takes Ollama’s counts, also when all of the prompt was in its cache', async () => {
    const provider = await start({ 'local:latest': free });
    server.script({ reply: 'Hi', cachedTokens: 10_000 });
    expect((await provider.chat(request, { signal })).usage).toEqual({
      inputTokens: 0,
      outputTokens: 1,
      cachedTokens: 0,
    });
  });

  it('says how to get a model that is missing', async () => {
    const provider = await start({ 'local:latest': free });
    const missing = {
      kind: 'model_not_found',
      status: 404,
      mayBill: false,
      message: expect.stringContaining('fetch it with "ollama pull nobody"') as string,
    };
    await expect(provider.chat({ ...request, model: 'nobody' }, { signal })).rejects.toMatchObject(missing);
    await expect(provider.embed({ model: 'nobody', input: 'x' }, { signal })).rejects.toMatchObject(missing);
  });

  it('refuses a text that is too long instead of embedding its beginning, unless it is told to', async () => {
    const provider = await start({ 'local:latest': free });
    await provider.embed({ model: 'local:latest', input: 'x', dimensions: 4 }, { signal });
    await provider.embed({ model: 'local:latest', input: 'x', truncate: true, keep_alive: '1h' }, { signal });
    expect(server.calls.map((call) => call.request)).toEqual([
      { model: 'local:latest', input: ['x'], truncate: false, dimensions: 4 },
      { model: 'local:latest', input: ['x'], truncate: true, keep_alive: '1h' },
    ]);
  });

  describe('pullModel', () => {
    const pullable = async () => {
      server = await startModelServer({ models: { 'big:70b': free }, absent: ['big:70b'] });
      return provide({ host: server.url });
    };
    const read = async (pulling: AsyncIterable<PullProgress>, seen: PullProgress[] = []) => {
      for await (const progress of pulling) seen.push(progress);
      return seen;
    };

    it('fetches a model, and tells how far it is', async () => {
      const provider = await pullable();
      expect(await provider.check({ signal })).toMatchObject({ available: false });
      const seen = await read(provider.pullModel('big:70b', { signal }));
      expect(seen[0]).toEqual({ status: 'pulling manifest' });
      expect(seen).toContainEqual({
        status: expect.stringMatching(/^pulling \w{12}$/) as string,
        completedBytes: 1_000_000,
        totalBytes: 2_000_000,
      });
      expect(seen.at(-1)).toEqual({ status: 'success' });
      expect(await provider.check({ signal })).toEqual({ available: true, models: ['big:70b'] });
      expect(server.counters.billedNano).toBe(0n);
    });

    it('says that there is no such model', async () => {
      const provider = await pullable();
      await expect(read(provider.pullModel('nobody', { signal }))).rejects.toMatchObject({
        kind: 'invalid_request',
        mayBill: false,
        message: expect.stringContaining('knows no model "nobody"') as string,
      });
    });

    it('stops when it is aborted', async () => {
      const provider = await pullable();
      server.script({ hang: 'midway' });
      const abort = new AbortController();
      const reading = (async () => {
        for await (const { completedBytes } of provider.pullModel('big:70b', { signal: abort.signal }))
          if (completedBytes !== undefined) abort.abort(new Error('enough'));
      })();
      await expect(reading).rejects.toThrow('enough');
      expect(await provider.check({ signal })).toMatchObject({ available: false });
    });
  });

  it('takes an error inside a stream as one that came after work was done', async () => {
    const provider = await start({ 'local:latest': free });
    server.script({ outputTokens: 40, errorAfterTokens: 8, message: 'out of memory' });
    const reading = (async () => {
      for await (const part of provider.streamChat(request, { signal })) void part;
    })();
    await expect(reading).rejects.toMatchObject({ kind: 'overloaded', mayBill: true, message: 'out of memory' });
  });

  it('says how to start a server that is not there', async () => {
    await start({});
    await server.stop();
    const provider = provide({ host: server.url });
    expect(await provider.check({ signal })).toEqual({
      available: false,
      reason: `no Ollama server at ${server.url}; start it with "ollama serve" (https://ollama.com/download), or set OLLAMA_HOST`,
    });
  });
});
