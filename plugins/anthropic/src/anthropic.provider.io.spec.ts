import Anthropic from '@anthropic-ai/sdk';
import type { ChatRequest } from '@purser/plugin-sdk';
import { modelProviderChecks } from '@purser/plugin-sdk/testing';
import { type ModelServer, type ModelServerOptions, startModelServer } from '@purser/testing';
import { model, models, provide, type Provider, request, send, signal } from './provider.fixture.js';

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
    const asked = { model, max_tokens: 9, messages: request().messages };
    await expect(send(provider, asked)).rejects.toMatchObject(failure);
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
    const asked = { model, max_tokens: 9, messages: request().messages };
    const { contentType, body } = await send(provider, asked);
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
