import type { ChatProvider, ChatRequest, PluginContext } from '@purser/plugin-sdk';
import { modelProviderChecks } from '@purser/plugin-sdk/testing';
import { type ModelServer, startModelServer } from '@purser/testing';
import plugin from './index.js';

const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const free = { inputPerMillionUsd: 0, outputPerMillionUsd: 0 };

function provide(config: object, secrets: Record<string, string> = {}): ChatProvider {
  const context: PluginContext = {
    logger: quiet,
    secret: (name) => secrets[name],
    signal: new AbortController().signal,
  };
  return plugin.capabilities.modelProvider!(context, plugin.config.parse(config)) as ChatProvider;
}

const signal = new AbortController().signal;
const request: ChatRequest = {
  model: 'local:latest',
  messages: [{ role: 'user', content: 'Hello' }],
  max_completion_tokens: 100,
};

describe('conformance', () => {
  const checks = modelProviderChecks({
    model: 'local:latest',
    open: async () => {
      const server = await startModelServer({ models: { 'local:latest': free } });
      return {
        provider: provide({ host: server.url }),
        upstream: { next: (behaviour) => server.script(behaviour, { times: 1 }), calls: server.calls },
        close: () => server.stop(),
      };
    },
    unreachable: async () => {
      const server = await startModelServer({ models: {} });
      await server.stop();
      return provide({ host: server.url });
    },
  });
  for (const { name, run } of checks) it(name, run);
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

  it('asks again without thinking where the model cannot', async () => {
    const provider = await start({ 'local:latest': free });
    server.script({ status: 400, message: '"local:latest" does not support thinking' }, { times: 1 });
    server.script({ reply: 'Hi' });
    const { completion } = await provider.chat({ ...request, reasoning_effort: 'high' }, { signal });
    expect(completion).toMatchObject({ choices: [{ message: { content: 'Hi' } }] });
    expect(server.calls.map((call) => call.request.think)).toEqual(['high', undefined]);
  });

  it('passes on tool calls in a stream', async () => {
    const provider = await start({ 'local:latest': free });
    server.script({ toolCalls: [{ name: 'look', arguments: { at: 'it' } }] });
    const tools = [{ type: 'function', function: { name: 'look', parameters: { type: 'object' } } }];
    const chunks = [];
    for await (const { chunk } of provider.streamChat({ ...request, tools }, { signal })) chunks.push(chunk);
    expect(server.calls.at(-1)!.request.tools).toEqual(tools);
    expect(chunks[0]).toMatchObject({
      choices: [{ delta: { tool_calls: [{ index: 0, function: { name: 'look' } }] } }],
    });
    expect(chunks[1]).toMatchObject({ choices: [{ finish_reason: 'tool_calls' }] });
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
