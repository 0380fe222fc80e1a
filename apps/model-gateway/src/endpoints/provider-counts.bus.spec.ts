import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { formatUsd, parseUsd } from '@purser/money';
import { eventually } from '@purser/testing';
import { FREE, openWorld, PAID, type World } from '../gateway.fixture.js';

jest.setTimeout(60_000);

/** A small Claude that counts, and bills a little more than it counts. */
const TOKENS = 9_000;
const BILLED = 9_020;
const LIMIT = 100;
const price = { inputPerMillionUsd: '1', cachedPerMillionUsd: '0.1', outputPerMillionUsd: '10' };
const text = 'The quick brown fox jumps over the lazy dog. '.repeat(1_000);

let world: World;
let upstream: Server;
let counted: { body: Record<string, unknown>; beta: unknown }[];
let answers: boolean;

async function bodyOf(request: IncomingMessage): Promise<Record<string, unknown>> {
  const parts: Buffer[] = [];
  for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
  return JSON.parse(Buffer.concat(parts).toString()) as Record<string, unknown>;
}

beforeAll(async () => {
  upstream = createServer((request, response) => {
    const say = (body: object, status = 200) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    if (request.method === 'GET') return void say({ data: [{ id: PAID, type: 'model' }], has_more: false });
    void bodyOf(request).then((body) => {
      if (request.url?.endsWith('/count_tokens')) {
        counted.push({ body, beta: request.headers['anthropic-beta'] });
        return answers ? say({ input_tokens: TOKENS }) : say({ error: { message: 'not now' } }, 503);
      }
      return say({
        id: 'msg',
        type: 'message',
        role: 'assistant',
        model: PAID,
        content: [{ type: 'text', text: 'Hi' }],
        stop_reason: 'end_turn',
        usage: { input_tokens: BILLED, output_tokens: LIMIT },
      });
    });
  });
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  const { port } = upstream.address() as AddressInfo;
  const paid = { provider: 'anthropic', model: PAID, price, maxOutputTokens: 4_096 };
  world = await openWorld({
    env: { DEMO_KEY: 'sk-ant-demo' },
    ladders: { writing: { tier_1_paid: paid, tier_2_paid: paid, tier_3_free: { provider: 'ollama', model: FREE } } },
    plugins: () => [
      { use: '@purser/anthropic', config: { baseUrl: `http://127.0.0.1:${port}`, apiKeyEnv: 'DEMO_KEY' } },
    ],
  });
});
afterAll(async () => {
  await world.close();
  upstream.closeAllConnections();
  await new Promise((resolve) => upstream.close(resolve));
});
beforeEach(() => {
  counted = [];
  answers = true;
  world.watchdog.spends.length = 0;
});

const leave = async (nano: bigint) => {
  const limit = world.watchdog.settled('total') + nano;
  world.watchdog.setBudget({ id: 'total', period: 'total', limitUsd: formatUsd(limit) });
  await world.watchdog.beat();
};
/** By its bytes it needs five times as much. */
const ENOUGH = BigInt(TOKENS + 1_500) * 1_000n + BigInt(LIMIT) * 10_000n;
const messages = [{ role: 'user', content: text }];
const native = () =>
  fetch(`${world.gateway.url}/v1/messages`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': world.adminKey, 'anthropic-beta': 'some-beta' },
    body: JSON.stringify({ model: 'writing', max_tokens: LIMIT, system: 'Be brief.', temperature: 0.5, messages }),
  });
const brief = () => world.post({ model: 'writing', max_tokens: 4_000, messages: [{ role: 'user', content: 'Hello' }] });
const translated = () => world.post({ model: 'writing', max_tokens: LIMIT, messages });
const tierOf = (response: Response) => response.headers.get('x-purser-tier');

it.each([
  ['as its client wrote it', native],
  ['as it is translated', translated],
])('holds by what the provider counts of a call %s', async (_, ask) => {
  await leave(ENOUGH);
  await eventually(async () => expect(tierOf(await ask())).toBe('tier_1_paid'));
  const [spend] = await eventually(() => {
    const spends = world.watchdog.spends.filter(({ model }) => model === PAID);
    expect(spends).toHaveLength(1);
    return spends;
  });
  expect(spend).toMatchObject({ inputTokens: BILLED });
  expect(parseUsd(spend?.amountUsd ?? '')).toBeLessThanOrEqual(parseUsd(spend?.holdUsd ?? ''));
  expect(parseUsd(spend?.holdUsd ?? '')).toBeLessThanOrEqual(ENOUGH);
  expect(counted[0]?.body).toMatchObject({ model: PAID, messages: [{ role: 'user' }] });
  for (const name of ['max_tokens', 'temperature', 'stream']) expect(counted[0]?.body).not.toHaveProperty(name);
  if (ask === native) expect(counted[0]).toMatchObject({ body: { system: 'Be brief.' }, beta: 'some-beta' });
});

it('counts once for all tiers of a model, and goes by bytes when the provider does not answer', async () => {
  await leave(BigInt(TOKENS - 1_000) * 1_000n);
  await eventually(async () => {
    counted = [];
    expect(tierOf(await native())).toBe('tier_3_free');
    expect(counted).toHaveLength(1);
  });
  answers = false;
  await leave(ENOUGH);
  await eventually(async () => {
    counted = [];
    expect(tierOf(await native())).toBe('tier_3_free');
    expect(counted).toHaveLength(1);
  });
});

it('counts nothing when the budget is as good as used up', async () => {
  await leave(2_000_000n);
  await eventually(async () => expect(tierOf(await native())).toBe('tier_3_free'));
  counted = [];
  for (let calls = 0; calls < 5; calls++) expect(tierOf(await native())).toBe('tier_3_free');
  expect(counted).toEqual([]);
});

it('counts nothing where the input is hardly a part of what is held', async () => {
  await leave(20_000_000n);
  await eventually(async () => expect(tierOf(await brief())).toBe('tier_3_free'));
  expect(counted).toEqual([]);
});
