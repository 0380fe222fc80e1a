import type { RunningService } from '@purser/service';
import { eventually } from '@purser/testing';
import { FREE, hello, openWorld, PAID, type World } from '../gateway.fixture.js';
import { start } from '../index.js';

jest.setTimeout(60_000);
let world: World;
let other: RunningService | undefined;
afterEach(async () => {
  await other?.close();
  other = undefined;
  await world.close();
});

const price = { inputPerMillionUsd: '1', outputPerMillionUsd: '10' };
const free = { provider: 'ollama', model: FREE };
const ask = (model: string, url = world.gateway.url) =>
  fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${world.adminKey}` },
    body: JSON.stringify({ ...hello(model), max_tokens: 50 }),
  });
const tierOf = (response: Response) => response.headers.get('x-purser-tier');
const costOf = (response: Response) => response.headers.get('x-purser-cost-usd');

it('costs nothing within its quota, and needs money beyond it, whichever gateway serves', async () => {
  world = await openWorld({
    moreLadders: {
      chat: {
        tier_1: { provider: 'openai', model: PAID, price, freeQuota: { requests: 3, per: 'month' } },
        tier_3_free: free,
      },
    },
  });
  world.watchdog.setBudget({ id: 'total', period: 'total', limitUsd: '1' });
  await world.watchdog.beat();
  expect([costOf(await ask('chat')), costOf(await ask('chat'))]).toEqual(['0.00', '0.00']);
  other = await start(world.env);
  const { url } = other;
  expect(costOf(await ask('chat', url))).toBe('0.00');
  const paid = await eventually(async () => {
    await world.watchdog.beat();
    const response = await ask('chat', url);
    expect(tierOf(response)).toBe('tier_1');
    return response;
  });
  expect(Number(costOf(paid))).toBeGreaterThan(0);
  expect(Number(costOf(await ask('chat')))).toBeGreaterThan(0);
  await eventually(() =>
    expect(world.watchdog.spends.filter(({ holdUsd }) => holdUsd === '0.00').length).toBeGreaterThanOrEqual(3),
  );
});

it('is passed over beyond its quota where it has no price, and says when it opens again', async () => {
  world = await openWorld({
    moreLadders: {
      chat: {
        tier_1: { provider: 'openai', model: PAID, freeQuota: { requests: 1, per: 'month' } },
        tier_3_free: free,
      },
      alone: { tier_1: { provider: 'openai', model: PAID, freeQuota: { requests: 1, per: 'month' } } },
    },
  });
  expect(tierOf(await ask('chat'))).toBe('tier_1');
  const next = await ask('chat');
  expect(tierOf(next)).toBe('tier_3_free');
  expect(next.headers.get('x-purser-fallback-reason')).toContain(
    'its free requests of this month do not cover the call until ',
  );
  // A restart does not fill it.
  await world.restart();
  const alone = await ask('alone');
  expect(alone.status).toBe(503);
  expect(Number(alone.headers.get('retry-after'))).toBeGreaterThan(0);
});

it('counts credits at the price of the tier, and refused calls not at all', async () => {
  world = await openWorld({
    moreLadders: {
      chat: {
        tier_1: { provider: 'openai', model: PAID, price, freeQuota: { usd: '0.003', per: 'day' } },
        tier_3_free: free,
      },
    },
  });
  world.models.script({ status: 429 }, { model: PAID, times: 1 });
  expect(tierOf(await ask('chat'))).toBe('tier_3_free');
  world.models.script({ outputTokens: 50 }, { model: PAID });
  const costs: (string | null)[] = [];
  for (let count = 0; count < 8; count++) costs.push(costOf(await ask('chat')));
  // About $0.0005 each, and each was set aside at a little more.
  expect(costs.slice(0, 3)).toEqual(['0.00', '0.00', '0.00']);
  expect(Number(costs.at(-1))).toBeGreaterThan(0);
});
