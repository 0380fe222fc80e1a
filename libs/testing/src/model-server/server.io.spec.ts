import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { type ModelServer, spawnModelServer, startModelServer } from './index.js';

const prices = { inputPerMillionUsd: '2.50', cachedPerMillionUsd: '1.25', outputPerMillionUsd: 10 };
const messages = [{ role: 'user', content: 'Say something short.' }];
/** 5 tokens of text and 3 of frame. */
const inputTokens = 8;

let server: ModelServer;
beforeEach(async () => {
  server = await startModelServer({ models: { large: prices, small: { ...prices, inputPerMillionUsd: 0.0375 } } });
});
afterEach(() => server.stop());

const post = (path: string, body: object, signal?: AbortSignal) =>
  fetch(server.url + path, { method: 'POST', body: JSON.stringify(body), ...(signal ? { signal } : {}) });
const chat = (body: object, signal?: AbortSignal) =>
  post('/v1/chat/completions', { model: 'large', messages, ...body }, signal);

async function settled(): Promise<(typeof server.calls)[number]> {
  const deadline = Date.now() + 5000;
  while (server.counters.running > 0) {
    if (Date.now() > deadline) throw new Error('a call is still running');
    await new Promise((resolve) => setImmediate(resolve));
  }
  return server.calls.at(-1)!;
}

const events = (text: string) =>
  text
    .split('\n\n')
    .filter((part) => part !== '')
    .map((part) => part.replace(/^data: /, ''));

describe('OpenAI chat completions', () => {
  it('answers in one piece and bills what the usage says', async () => {
    server.script({ reply: 'twelve bytes', cachedTokens: 4 });
    const answer = (await (await chat({})).json()) as Record<string, unknown>;
    expect(answer).toMatchObject({
      object: 'chat.completion',
      model: 'large',
      choices: [{ index: 0, message: { role: 'assistant', content: 'twelve bytes' }, finish_reason: 'stop' }],
      usage: {
        prompt_tokens: inputTokens,
        completion_tokens: 3,
        total_tokens: inputTokens + 3,
        prompt_tokens_details: { cached_tokens: 4 },
      },
    });
    // 4 x 2,500 + 4 x 1,250 + 3 x 10,000 nano-dollars
    expect(await settled()).toMatchObject({ state: 'completed', billedNano: 45_000n });
    expect(server.counters).toMatchObject({
      calls: 1,
      completed: 1,
      inputTokens,
      outputTokens: 3,
      billedNano: 45_000n,
    });
    expect(server.countersOf('small').calls).toBe(0);
  });

  it('streams, with the usage as the last chunk when it is asked for', async () => {
    server.script({ outputTokens: 10, chunkTokens: 4 });
    const parts = events(await (await chat({ stream: true, stream_options: { include_usage: true } })).text());
    expect(parts.pop()).toBe('[DONE]');
    const chunks = parts.map((part) => JSON.parse(part) as { choices: { delta: { content?: string } }[] });
    expect(chunks.pop()).toMatchObject({ choices: [], usage: { prompt_tokens: inputTokens, completion_tokens: 10 } });
    expect(chunks.map((part) => part.choices[0]?.delta.content ?? '').join('')).toHaveLength(40);
    expect(chunks.at(-1)).toMatchObject({ choices: [{ finish_reason: 'stop' }] });
    expect(chunks).toHaveLength(5);
  });

  it.each(['max_completion_tokens', 'max_tokens'])('keeps to %s', async (name) => {
    server.script({ outputTokens: 100 });
    expect(await (await chat({ [name]: 7 })).json()).toMatchObject({
      choices: [{ finish_reason: 'length' }],
      usage: { completion_tokens: 7 },
    });
  });

  it('bills beyond the limit when told to, choices and hidden reasoning too, and rounds up to a nano-dollar', async () => {
    server.script({ outputTokens: 50, reasoningTokens: 5, ignoreLimit: true });
    await (await chat({ max_tokens: 7, n: 2, model: 'small' })).json();
    expect(await settled()).toMatchObject({ outputTokens: 110, billedNano: 300n + 1_100_000n });
    server.script({ reply: 'x' });
    await (await chat({ model: 'small', messages: [{ role: 'user', content: '' }] })).json();
    // 3 x 37.5 + 10,000
    expect(await settled()).toMatchObject({ billedNano: 10_113n });
  });

  it('calls tools', async () => {
    server.script({ toolCalls: [{ name: 'look', arguments: { at: 'this' } }] });
    expect(await (await chat({})).json()).toMatchObject({
      choices: [
        {
          message: { content: null, tool_calls: [{ type: 'function', function: { name: 'look' } }] },
          finish_reason: 'tool_calls',
        },
      ],
    });
  });

  it('refuses as scripted, once, without a bill', async () => {
    server.script({ status: 429, headers: { 'retry-after': '7' }, message: 'slow down' }, { times: 1 });
    const refused = await chat({});
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '7']);
    expect(await refused.json()).toMatchObject({ error: { message: 'slow down' } });
    expect((await chat({ model: 'nobody' })).status).toBe(404);
    expect((await chat({})).status).toBe(200);
    await settled();
    expect(server.counters).toMatchObject({ calls: 3, refused: 2, completed: 1 });
    expect(server.calls[0]).toMatchObject({ state: 'refused', status: 429, billedNano: 0n });
  });

  it('bills what it sent when the client leaves, or all of it where it is set up so', async () => {
    const leave = async () => {
      const abort = new AbortController();
      const response = await chat({ stream: true }, abort.signal);
      await response.body!.getReader().read();
      abort.abort();
      return settled();
    };
    server.script({ outputTokens: 1000, chunkTokens: 1, hang: 'midway' });
    expect(await leave()).toMatchObject({ state: 'cancelled', inputTokens, outputTokens: 1 });
    await server.stop();
    server = await startModelServer({ models: { large: prices }, cancelledCallsBill: 'full' });
    server.script({ outputTokens: 1000, chunkTokens: 1, hang: 'midway' });
    expect(await leave()).toMatchObject({ state: 'cancelled', outputTokens: 1000 });
  });

  it('drops the connection after so many tokens, and bills them', async () => {
    server.script({ outputTokens: 20, chunkTokens: 1, dropAfterTokens: 5 });
    const response = await chat({ stream: true });
    const decoder = new TextDecoder();
    let text = '';
    const reading = (async () => {
      for await (const part of response.body!) text += decoder.decode(part as Uint8Array, { stream: true });
    })();
    await expect(reading).rejects.toThrow('terminated');
    expect(text.match(/"content":"\w/g)).toHaveLength(5);
    expect(await settled()).toMatchObject({ state: 'failed', outputTokens: 5 });
  });

  it('asks for its key, and shows its calls to outsiders', async () => {
    await server.stop();
    server = await startModelServer({ models: { large: prices }, apiKey: 'demo-key' });
    expect((await fetch(`${server.openaiBaseUrl}/models`)).status).toBe(401);
    const headers = { authorization: 'Bearer demo-key' };
    expect(await (await fetch(`${server.openaiBaseUrl}/models`, { headers })).json()).toMatchObject({
      data: [{ id: 'large', object: 'model' }],
    });
    expect(await (await fetch(`${server.url}/__calls`)).json()).toMatchObject({ counters: { billedNano: '0' } });
  });
});

describe("Ollama's chat", () => {
  it('streams lines of JSON, or answers in one piece', async () => {
    server.script({ outputTokens: 10, chunkTokens: 4 });
    const ask = { model: 'large', messages, options: { num_predict: 6 } };
    const lines = (await (await post('/api/chat', ask)).text()).trim().split('\n');
    const parts = lines.map((part) => JSON.parse(part) as { message: { content: string } });
    expect(parts.map((part) => part.message.content).join('')).toHaveLength(24);
    expect(parts.at(-1)).toMatchObject({
      done: true,
      done_reason: 'length',
      prompt_eval_count: inputTokens,
      eval_count: 6,
    });
    expect(await (await post('/api/chat', { ...ask, stream: false })).json()).toMatchObject({
      message: { role: 'assistant' },
      done: true,
      eval_count: 6,
    });
    expect(server.calls.map((call) => call.api)).toEqual(['ollama', 'ollama']);
  });

  it('lists its models, and refuses others', async () => {
    expect(await (await fetch(`${server.url}/api/tags`)).json()).toMatchObject({
      models: [{ name: 'large' }, { name: 'small' }],
    });
    expect(await (await fetch(`${server.url}/api/version`)).json()).toHaveProperty('version');
    const refused = await post('/api/chat', { model: 'nobody', messages });
    expect([refused.status, await refused.json()]).toEqual([404, { error: 'model "nobody" not found' }]);
  });
});

it('runs as a process of its own that outsiders can script and read', async () => {
  const child = await spawnModelServer({ models: { large: prices } });
  try {
    await child.script({ reply: 'four' }, { times: 1 });
    const body = JSON.stringify({ model: 'large', messages });
    const response = await fetch(`${child.openaiBaseUrl}/chat/completions`, { method: 'POST', body });
    expect(await response.json()).toMatchObject({ choices: [{ message: { content: 'four' } }] });
    const { counters, calls } = await child.read();
    expect(counters).toMatchObject({ completed: 1, billedNano: 30_000n });
    expect(calls).toMatchObject([{ model: 'large', state: 'completed', billedNano: 30_000n }]);
  } finally {
    await child.stop();
  }
  const attempt = httpRequest(`${child.url}/api/version`).end();
  const [error] = (await once(attempt, 'error')) as [NodeJS.ErrnoException];
  expect(error.code).toBe('ECONNREFUSED');
});
