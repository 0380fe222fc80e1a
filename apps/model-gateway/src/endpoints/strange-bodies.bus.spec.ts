import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, type ModelServer, startModelServer } from '@purser/testing';
import fc from 'fast-check';
import { FREE, openWorld, PAID, type World } from '../gateway.fixture.js';
import { REQUESTS, strangeBody } from './strange-bodies.fixture.js';

jest.setTimeout(120_000);
let world: World;
let models: ModelServer;
let config: string;

beforeAll(async () => {
  config = await mkdtemp(join(tmpdir(), 'purser-bodies-'));
  const price = { inputPerMillionUsd: '1', cachedPerMillionUsd: '0.1', outputPerMillionUsd: '10' };
  models = await startModelServer({ models: { [PAID]: price } });
  const tier = (provider: string) => ({ provider, model: PAID, price, maxOutputTokens: 4_096 });
  const free = { provider: 'ollama', model: FREE };
  await writeFile(
    join(config, 'models.json'),
    JSON.stringify({
      over_openai: { tier_1_paid: tier('openai') },
      over_anthropic: { tier_1_paid: tier('anthropic') },
      over_ollama: { tier_1_free: free },
      over_all: { tier_1_paid: tier('anthropic'), tier_2_paid: tier('openai'), tier_3_free: free },
    }),
  );
  await writeFile(
    join(config, 'plugins.json'),
    JSON.stringify({
      plugins: [
        { use: '@purser/openai', config: { baseUrl: models.openaiBaseUrl, apiKeyEnv: 'DEMO_KEY' } },
        { use: '@purser/anthropic', config: { baseUrl: models.url, apiKeyEnv: 'DEMO_KEY' } },
        { use: '@purser/ollama' },
      ],
    }),
  );
  world = await openWorld({ env: { PURSER_CONFIG_DIR: config, DEMO_KEY: 'sk-demo' } });
  world.watchdog.setBudget({ id: 'all', scope: {}, period: 'total', limitUsd: '1000' });
  await world.watchdog.beat();
});
afterAll(async () => {
  await world.close();
  await models.stop();
  await rm(config, { recursive: true, force: true });
});

const ask = async (path: string, body: string) => {
  const response = await fetch(world.gateway.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${world.adminKey}` },
    body,
    signal: AbortSignal.timeout(20_000),
  });
  return { status: response.status, text: await response.text() };
};

const words = expect.stringMatching(/\w/) as unknown;
const PROTOCOLS = {
  chat: { path: '/v1/chat/completions', error: { error: { message: words, type: words } } },
  messages: { path: '/v1/messages', error: { type: 'error', error: { type: words, message: words } } },
  responses: { path: '/v1/responses', error: { error: { message: words, type: words } } },
} as const;

it.each(['chat', 'messages', 'responses'] as const)(
  '%s: every body is answered, or refused with a reason in the protocol’s shape, and only what was sent is paid for',
  async (protocol) => {
    const { path, error } = PROTOCOLS[protocol];
    const seen = new Map<number, number>();
    const strange = strangeBody(protocol, ['over_openai', 'over_anthropic', 'over_ollama', 'over_all']);
    await fc.assert(
      fc.asyncProperty(strange, async (body) => {
        const { status, text } = await ask(path, body);
        seen.set(status, (seen.get(status) ?? 0) + 1);
        expect([[200, 400, 404].includes(status), status, text]).toEqual([true, status, text]);
        if (status !== 200) expect(JSON.parse(text)).toMatchObject(error);
      }),
      { numRuns: 250, seed: 11 },
    );
    // Near enough to valid ones that both happen.
    expect(seen.get(200)).toBeGreaterThan(25);
    expect(seen.get(400)).toBeGreaterThan(25);
    const { status } = await ask(path, JSON.stringify({ ...REQUESTS[protocol], model: 'over_all' }));
    expect([protocol, status]).toEqual([protocol, 200]);
    await eventually(() => {
      const paid = world.watchdog.spends.filter(({ amountUsd }) => Number(amountUsd) > 0);
      expect(paid).toHaveLength(models.counters.completed);
    });
  },
);
