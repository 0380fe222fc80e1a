import { eventually } from '@purser/testing';
import { hello, openWorld, PAID, type World } from '../gateway.fixture.js';

jest.setTimeout(60_000);
let world: World;

beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());
beforeEach(() => {
  world.models.clearScript();
  world.watchdog.spends.length = 0;
});

it('answers a capability with its paid tier, and says which it was and what it cost', async () => {
  const { data, response } = await world.client().chat.completions.create(hello('code_generation')).withResponse();
  expect(data.choices[0]?.message.content).toContain(PAID);
  expect(response.headers.get('x-purser-tier')).toBe('tier_1_paid');
  expect(response.headers.get('x-purser-model')).toBe(PAID);
  expect(response.headers.get('x-purser-max-tokens-set')).toBe('1024');
  const [call] = world.models.calls.slice(-1);
  const [spend] = await eventually(() => {
    expect(world.watchdog.spends).toHaveLength(1);
    return world.watchdog.spends;
  });
  expect(response.headers.get('x-purser-cost-usd')).toBe(spend?.amountUsd);
  expect(spend).toMatchObject({
    provider: 'openai',
    model: PAID,
    capability: 'code_generation',
    key: 'admin',
    outcome: 'ok',
    finality: 'final',
    inputTokens: call?.inputTokens,
    outputTokens: call?.outputTokens,
  });
});
