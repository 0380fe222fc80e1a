import { eventually } from '@purser/testing';
import { hello, openWorld, PAID, type World } from '../gateway.fixture.js';

jest.setTimeout(60_000);
let world: World;
afterEach(() => world.close());

const body = (model = 'code_generation') => ({ ...hello(model), max_tokens: 100 });
const by = (strategy: string) => ({ 'x-purser-strategy': strategy });
const tierOf = (response: Response) => response.headers.get('x-purser-tier');

it('asks the cheapest tier first where a call wants that, and the best one otherwise', async () => {
  world = await openWorld();
  const cheap = await world.post(body(), by('cheapest'));
  expect([tierOf(cheap), cheap.headers.get('x-purser-fallback-reason')]).toEqual(['tier_3_free', null]);
  expect(tierOf(await world.post(body()))).toBe('tier_1_paid');
  world.models.script({ status: 503 }, { model: 'demo-free', times: 2 });
  expect(tierOf(await world.post(body(), by('cheapest')))).toBe('tier_1_paid');
  const wrong = await world.post(body(), by('dearest'));
  expect(wrong.status).toBe(400);
  expect(await wrong.text()).toContain('quality-first');
});

it('stretches a budget over its window: paid while it lies behind, free while it is ahead', async () => {
  world = await openWorld({ moreLadders: { $strategy: { code_generation: 'stretch', paid_only: 'stretch' } } });
  const { watchdog } = world;
  const hours = (count: number) => new Date(Date.now() + count * 3_600_000).toISOString();
  watchdog.setBudget({ id: 'daily', period: 'day', limitUsd: '0.01' }, hours(24), hours(0));
  await watchdog.beat();
  world.models.script({ outputTokens: 100 }, { model: PAID });
  // About a tenth of the budget each: the head start is a twentieth.
  const ahead = await eventually(async () => {
    const response = await world.post(body());
    expect(tierOf(response)).toBe('tier_3_free');
    return response;
  });
  expect(ahead.headers.get('x-purser-fallback-reason')).toContain('daily is spent faster than its time goes by');
  const alone = await world.post(body('paid_only'));
  expect(alone.status).toBe(429);
  expect(Number(alone.headers.get('retry-after'))).toBeGreaterThan(600);
  expect(tierOf(await world.post(body(), by('quality-first')))).toBe('tier_1_paid');
  // The same money, late in its window.
  watchdog.setBudget({ id: 'daily', period: 'day', limitUsd: '0.01' }, hours(1), hours(-23));
  await watchdog.beat();
  await eventually(async () => expect(tierOf(await world.post(body()))).toBe('tier_1_paid'));
});
