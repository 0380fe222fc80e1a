import { eventually } from '@purser/testing';
import OpenAI from 'openai';
import { hello, openWorld, PAID, type World } from '../gateway.fixture.js';

jest.setTimeout(60_000);
let world: World;
afterEach(() => world.close());

const body = { ...hello('paid_only'), max_tokens: 100 };

/** The official client as it comes, retries included, and how often it asked. */
function clientThatCounts(maxRetries: number): { client: OpenAI; requests: () => number } {
  let requests = 0;
  const client = new OpenAI({
    apiKey: world.adminKey,
    baseURL: `${world.gateway.url}/v1`,
    maxRetries,
    fetch: (url, init) => {
      requests += 1;
      return fetch(url, init);
    },
  });
  return { client, requests: () => requests };
}

async function refusal(client: OpenAI, asked = body): Promise<InstanceType<typeof OpenAI.APIError>> {
  try {
    await client.chat.completions.create(asked);
  } catch (error) {
    if (error instanceof OpenAI.APIError) return error;
    throw error;
  }
  throw new Error('it succeeded');
}

it('says 402 once, with the budget and when its window ends', async () => {
  world = await openWorld();
  world.watchdog.setBudget({ id: 'daily', period: 'day', limitUsd: '0.0001' }, '2099-01-01T00:00:00.000Z');
  await world.watchdog.beat();
  const { client, requests } = clientThatCounts(3);
  const error = await refusal(client);
  expect(error).toMatchObject({ status: 402, code: 'budget_exceeded', type: 'insufficient_quota' });
  expect(error.headers?.get('x-should-retry')).toBe('false');
  expect(error.headers?.get('x-purser-budget')).toBe('daily');
  expect(error.headers?.get('x-purser-budget-resets-at')).toBe('2099-01-01T00:00:00.000Z');
  expect(error.error).toMatchObject({ details: { budgets: ['daily'], resetsAt: '2099-01-01T00:00:00.000Z' } });
  expect(requests()).toBe(1);
});

it('says 429 while the money is held, and the client that comes again is served', async () => {
  world = await openWorld({ env: { PURSER_HOLD_WAIT_MS: '50' } });
  world.watchdog.setBudget({ id: 'total', period: 'total', limitUsd: '0.0045' });
  await world.watchdog.beat();
  world.models.script({ outputTokens: 10, latencyMs: 600 }, { times: 1 });
  const slow = world.client().chat.completions.create(body);
  await eventually(() => expect(world.models.counters.running).toBe(1));
  const once = await refusal(clientThatCounts(0).client);
  expect(once).toMatchObject({ status: 429, code: 'budget_held' });
  expect(once.headers?.get('retry-after')).toBe('1');
  const { client } = clientThatCounts(5);
  expect((await client.chat.completions.create(body)).choices).toHaveLength(1);
  await slow;
});

it('says 503 when the ledger is away and only paid tiers exist, and a free one serves all the same', async () => {
  world = await openWorld();
  world.watchdog.setBudget({ id: 'total', period: 'total', limitUsd: '1' });
  world.watchdog.away = true;
  // What it said last is believed for a few seconds.
  const error = await eventually(async () => {
    const refused = await refusal(clientThatCounts(0).client);
    expect(refused).toMatchObject({ status: 503, code: 'no_tier' });
    return refused;
  });
  expect(error.headers?.get('x-should-retry')).toBeNull();
  expect(error.headers?.get('retry-after')).toBe('2');
  const { response } = await world.client().chat.completions.create(hello('code_generation')).withResponse();
  expect(response.headers.get('x-purser-tier')).toBe('tier_3_free');
});

it('says 403 once while the latch is set', async () => {
  world = await openWorld();
  await world.watchdog.setLatch(true);
  const { client, requests } = clientThatCounts(3);
  const error = await eventually(async () => {
    const refused = await refusal(client);
    expect(refused).toMatchObject({ status: 403, code: 'emergency' });
    return refused;
  });
  expect(error.headers?.get('x-should-retry')).toBe('false');
  expect(requests()).toBe(1);
});

it('says 409 once, and what to do, when only the client itself can serve', async () => {
  world = await openWorld({
    moreLadders: {
      voice: {
        tier_1_paid: { provider: 'openai', model: PAID, cost_per_1k_tokens: 0.01, maxOutputTokens: 4_096 },
        tier_2_paid: { provider: 'nobody', model: 'm', cost_per_1k_tokens: 0.01 },
        tier_3_free: { provider: 'browser_api', model: 'web-speech' },
      },
    },
  });
  const voice = { ...hello('voice'), max_tokens: 20 };
  expect((await world.client().chat.completions.create(voice)).choices).toHaveLength(1);
  const { tiers } = await world.ladders();
  expect(tiers.find(({ provider }) => provider === 'browser_api')).toMatchObject({ available: true, free: true });
  world.models.script({ status: 503 }, { model: PAID });
  const { client, requests } = clientThatCounts(3);
  const error = await refusal(client, voice);
  expect(error).toMatchObject({ status: 409, code: 'client_side_tier' });
  expect(error.error).toMatchObject({
    details: {
      capability: 'voice',
      tier: 'tier_3_free',
      api: 'Web Speech API',
      how: expect.stringContaining('SpeechRecognition') as unknown,
    },
  });
  expect(requests()).toBe(1);
});

it('sends nobody to the browser whose budget blocks', async () => {
  world = await openWorld({
    moreLadders: {
      voice: {
        tier_1_paid: { provider: 'openai', model: PAID, cost_per_1k_tokens: 0.01, maxOutputTokens: 4_096 },
        tier_3_free: { provider: 'browser_api', model: 'web-speech' },
      },
    },
  });
  world.watchdog.setBudget({ id: 'hard', period: 'total', limitUsd: '0.0001', onExhausted: 'block' });
  await world.watchdog.beat();
  expect(await refusal(clientThatCounts(0).client, { ...hello('voice'), max_tokens: 20 })).toMatchObject({
    status: 402,
  });
});
