import Anthropic from '@anthropic-ai/sdk';
import { eventually } from '@purser/testing';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { FREE, openWorld, PAID, type World } from '../gateway.fixture.js';

jest.setTimeout(60_000);
let world: World;
let upstream: Server;
/** What an OpenAI server that is not well answers. */
let answer: (response: ServerResponse) => void;

beforeAll(async () => {
  upstream = createServer((request, response) => {
    request.resume();
    if (request.url?.endsWith('/models')) response.end(JSON.stringify({ object: 'list', data: [] }));
    else answer(response);
  });
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  const { port } = upstream.address() as AddressInfo;
  world = await openWorld({
    env: { OPENAI_BASE_URL: `http://127.0.0.1:${port}/v1`, PURSER_HOLD_WAIT_MS: '300' },
  });
});
afterAll(async () => {
  await world.close();
  upstream.closeAllConnections();
  upstream.close();
});
beforeEach(() => {
  answer = speak;
});

const completion = {
  id: 'chatcmpl-1',
  object: 'chat.completion',
  model: PAID,
  choices: [{ index: 0, message: { role: 'assistant', content: 'Well.' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
};
const speak = (response: ServerResponse) => {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify(completion));
};
const stream = (...frames: string[]) => {
  answer = (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.end(frames.map((frame) => `data: ${frame}\n\n`).join(''));
  };
};
const client = (apiKey = world.adminKey, maxRetries = 0) =>
  new Anthropic({ apiKey, baseURL: world.gateway.url, maxRetries });
const ask = (model: string, more: object = {}): Anthropic.MessageCreateParamsNonStreaming => ({
  model,
  max_tokens: 100,
  messages: [{ role: 'user', content: 'Hello' }],
  ...more,
});
const post = (path: string, body: unknown) =>
  fetch(`${world.gateway.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': world.adminKey },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
const failure = (work: Promise<unknown>) =>
  work.then(
    () => {
      throw new Error('it succeeded');
    },
    (error: unknown) => error as InstanceType<typeof Anthropic.APIError>,
  );
/** A cool-down after a failure must be over. */
const well = () =>
  eventually(async () => {
    answer = speak;
    expect((await client().messages.create(ask('paid_only'))).content).toMatchObject([{ text: 'Well.' }]);
  });

it('takes a key under both headers, and refuses wrong ones', async () => {
  const error = await failure(client('psk_wrong').messages.create(ask('paid_only')));
  expect(error).toBeInstanceOf(Anthropic.AuthenticationError);
  expect(error).toMatchObject({ status: 401, type: 'authentication_error', errorCode: 'unauthorized' });
  const bearer = new Anthropic({ authToken: world.adminKey, apiKey: null, baseURL: world.gateway.url });
  expect((await bearer.messages.create(ask('paid_only'))).usage).toMatchObject({ input_tokens: 3, output_tokens: 2 });
});

it('says that the money is gone so that clients do not try again', async () => {
  world.watchdog.setBudget({ id: 'poor', period: 'total', limitUsd: '0.000001', scope: { project: 'poor' } });
  await world.watchdog.beat();
  const key = await world.createKey({ project: 'poor' });
  await eventually(async () => {
    // This client would try again by itself.
    const error = await failure(client(key, 2).messages.create(ask('paid_only')));
    expect(error).toMatchObject({ status: 402, type: 'billing_error', errorCode: 'budget_exceeded' });
    expect(error.headers?.get('x-should-retry')).toBe('false');
    expect(error.requestID).toMatch(/^call-/);
    expect(error.error).toMatchObject({ request_id: error.requestID });
  });
});

it('says that the money is only held, and when to try again', async () => {
  world.watchdog.setBudget({ id: 'held', period: 'total', limitUsd: '0.0045', scope: { project: 'held' } });
  await world.watchdog.beat();
  const key = await world.createKey({ project: 'held' });
  let finish = () => {};
  const begun = new Promise<void>((resolve) => {
    answer = (response) => {
      finish = () => speak(response);
      resolve();
    };
  });
  const slow = client(key).messages.create(ask('paid_only'));
  await begun;
  const error = await failure(client(key).messages.create(ask('paid_only')));
  expect(error).toBeInstanceOf(Anthropic.RateLimitError);
  expect(error).toMatchObject({ type: 'rate_limit_error', errorCode: 'budget_held' });
  expect(error.headers?.get('retry-after')).toBe('1');
  finish();
  expect((await slow).stop_reason).toBe('end_turn');
});

it('says when no tier is left', async () => {
  answer = (response) => {
    response.writeHead(429, { 'content-type': 'application/json', 'retry-after': '1' });
    response.end(JSON.stringify({ error: { message: 'too many' } }));
  };
  const error = await failure(client().messages.create(ask('paid_only')));
  expect(error).toMatchObject({ status: 503, type: 'overloaded_error', errorCode: 'no_tier' });
  expect(error.headers?.get('retry-after')).toBe('1');
  await well();
});

it.each([
  [{ max_tokens: undefined }, 'max_tokens'],
  [{ messages: [{ role: 'user', content: [{ type: 'text' }] }] }, 'messages.0.content.0.text'],
  [{ messages: [{ role: 'tool', content: 'x' }] }, 'messages.0.role'],
  [{ top_k: 5 }, 'top_k'],
  [{ tools: [{ type: 'web_search_20250305', name: 'web_search' }] }, 'tools[0].type'],
])('names the parameter that is wrong or cannot be honoured in %j', async (more, param) => {
  const response = await post('/v1/messages', ask('paid_only', more));
  const body = (await response.json()) as { error: { message: string } };
  expect(response.status).toBe(400);
  expect(body).toMatchObject({ type: 'error', error: { type: 'invalid_request_error', details: { param } } });
  expect(body.error.message).toContain(param);
});

it('refuses under a budget what has a price that nobody knows, and takes it elsewhere', async () => {
  world.watchdog.setBudget({ id: 'rich', period: 'total', limitUsd: '5', scope: { project: 'rich' } });
  await world.watchdog.beat();
  const key = await world.createKey({ project: 'rich' });
  const url = { type: 'image', source: { type: 'url', url: 'https://example.org/a.png' } };
  const picture = ask('paid_only', { messages: [{ role: 'user', content: [url] }] });
  const beta = { headers: { 'anthropic-beta': 'context-1m-2025-08-07' } };
  await eventually(async () => {
    const error = await failure(client(key).messages.create(picture));
    expect(error).toMatchObject({ status: 400, details: { param: 'messages[0].content[0].source' } });
  });
  const error = await failure(client(key).messages.create(ask('paid_only'), beta));
  expect(error).toMatchObject({
    status: 400,
    errorCode: 'unsupported_parameter',
    details: { param: 'anthropic-beta' },
  });
  expect((await client().messages.create(picture, beta)).content).toMatchObject([{ text: 'Well.' }]);
});

it('refuses models, paths and bodies that are not there or too large', async () => {
  const error = await failure(client().messages.create(ask('claude-none')));
  expect(error).toMatchObject({ status: 404, type: 'not_found_error', errorCode: 'model_not_found' });
  const nowhere = await post('/v1/messages/batches', {});
  expect(nowhere.status).toBe(404);
  expect(await nowhere.json()).toMatchObject({ type: 'error', error: { type: 'not_found_error' } });
  const large = await post('/v1/messages', `"${'x'.repeat(33 * 1024 * 1024)}"`);
  expect(large.status).toBe(413);
  expect(await large.json()).toMatchObject({ type: 'error', error: { type: 'request_too_large' } });
  const broken = await post('/v1/messages', '{');
  expect(broken.status).toBe(400);
  expect(await broken.json()).toMatchObject({ type: 'error', error: { type: 'invalid_request_error' } });
});

it('gives a model that writes less than the required limit its own', async () => {
  // As clients of Claude ask whatever the model: one without a limit of its own takes it, another gets less.
  const { data, response } = await client()
    .messages.create(ask('paid_only', { max_tokens: 5_000 }))
    .withResponse();
  expect(data.stop_reason).toBe('end_turn');
  expect(response.headers.get('x-purser-max-tokens-set')).toBe('4096');
});

describe('an upstream whose stream is', () => {
  const chunk = (delta: object, more: object = {}) =>
    JSON.stringify({ id: 'c', model: PAID, choices: [{ index: 0, delta, finish_reason: null, ...more }] });

  it('cut off is an error event', async () => {
    stream(chunk({ content: 'Half' }));
    const error = await failure(client().messages.stream(ask('paid_only')).finalMessage());
    expect(error).toMatchObject({ type: 'api_error', errorCode: 'provider_failed' });
    await well();
  });

  it('no JSON is an error event', async () => {
    stream(chunk({ content: 'Half' }), '{"id": "c", "choi');
    const error = await failure(client().messages.stream(ask('paid_only')).finalMessage());
    expect(error).toMatchObject({ type: 'api_error', errorCode: 'provider_failed' });
    await well();
  });

  it('odd is read as far as it makes sense', async () => {
    stream(
      JSON.stringify({ id: 'c', model: PAID }),
      JSON.stringify({ choices: null }),
      chunk({ content: null, tool_calls: null }),
      chunk({ content: ['no text'] }),
      chunk({ content: 'Odd.' }),
      chunk({}, { finish_reason: 'stop', delta: null }),
      JSON.stringify({ choices: [], usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 } }),
      '[DONE]',
    );
    const message = await client().messages.stream(ask('paid_only')).finalMessage();
    expect(message).toMatchObject({
      content: [{ type: 'text', text: 'Odd.' }],
      stop_reason: 'end_turn',
      usage: { input_tokens: 3, output_tokens: 2 },
    });
  });
});

it('cancels upstream what a client gave up before the answer began', async () => {
  const closed = new Promise<void>((resolve) => {
    answer = (response) => {
      response.once('close', () => resolve());
      leave.abort();
    };
  });
  const leave = new AbortController();
  const error = await failure(client().messages.create(ask('paid_only'), { signal: leave.signal }));
  expect(error).toBeInstanceOf(Anthropic.APIUserAbortError);
  await closed;
  expect(await client().messages.create(ask(`ollama/${FREE}`))).toMatchObject({ type: 'message' });
});
