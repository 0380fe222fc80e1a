import { eventually } from '@purser/testing';
import { FREE, hello, openWorld, PAID, type World, type WorldOptions } from '../gateway.fixture.js';

jest.setTimeout(60_000);
let world: World;
afterEach(() => world.close());

const open = async (options: WorldOptions = {}) => {
  world = await openWorld(options);
};
const ask = (model = 'code_generation', more: object = {}) => world.post({ ...hello(model), max_tokens: 50, ...more });
const tierOf = (response: Response) => response.headers.get('x-purser-tier');
const whyOf = (response: Response) => response.headers.get('x-purser-fallback-reason') ?? '';
const asked = () => world.models.countersOf(PAID).calls;

it('asks again after a refusal that cost nothing, with a hold of its own each time', async () => {
  await open({ policy: { retry: { attempts: 3, firstMs: 20 } } });
  world.watchdog.setBudget({ id: 'total', period: 'total', limitUsd: '1' });
  await world.watchdog.beat();
  world.models.script({ status: 529 }, { model: PAID, times: 2 });
  const response = await ask();
  expect([tierOf(response), whyOf(response), asked()]).toEqual(['tier_1_paid', '', 3]);
  const spends = await eventually(() => {
    expect(world.watchdog.spends).toHaveLength(3);
    return world.watchdog.spends;
  });
  expect(spends.map(({ outcome }) => outcome).sort()).toEqual(['failed', 'failed', 'ok']);
  expect(new Set(spends.map(({ attemptId }) => attemptId)).size).toBe(3);
  expect(new Set(spends.map(({ callId }) => callId)).size).toBe(1);
  await eventually(() => expect(world.watchdog.settled('total')).toBe(world.models.counters.billedNano));
});

it('waits as long as a refusal asks for, and no longer than it may', async () => {
  await open({ policy: { retry: { attempts: 2, firstMs: 0, mostMs: 500 } } });
  world.models.script({ status: 429, headers: { 'retry-after-ms': '200' } }, { model: PAID, times: 1 });
  expect([tierOf(await ask()), asked()]).toEqual(['tier_1_paid', 2]);
  world.models.script({ status: 429, headers: { 'retry-after': '30' } }, { model: PAID, times: 1 });
  const passed = await ask();
  expect([tierOf(passed), asked()]).toEqual(['tier_3_free', 3]);
  expect(whyOf(passed)).toContain('rate_limited');
});

it('spares a provider a storm of refusals: nearly all calls go by it', async () => {
  await open({ policy: { retry: { attempts: 2, firstMs: 20 } } });
  world.models.script({ status: 429 }, { model: PAID });
  for (let count = 0; count < 20; count++) expect(tierOf(await ask())).toBe('tier_3_free');
  // Three in a row open the circuit; later at most a trial a second.
  expect(asked()).toBeLessThanOrEqual(8);
  world.models.clearScript();
  await eventually(async () => expect(tierOf(await ask())).toBe('tier_1_paid'));
});

it.each([
  ['a wrong key', { status: 401 }, 'auth'],
  ['no money there', { status: 402 }, 'auth'],
  ['a forbidden model', { status: 403 }, 'auth'],
  ['a missing model', { status: 404 }, 'model_not_found'],
  ['a server error', { status: 500 }, 'overloaded'],
  ['an overload', { status: 529 }, 'overloaded'],
])('goes to the next tier for %s', async (_what, behaviour, kind) => {
  await open();
  world.models.script(behaviour, { model: PAID });
  const first = await ask();
  expect(tierOf(first)).toBe('tier_3_free');
  expect(whyOf(first)).toContain(`tier_1_paid: failed (${kind}`);
  const second = await ask();
  expect(tierOf(second)).toBe('tier_3_free');
  // Where there is no hope, or the next failure costs money too, nobody asks again soon.
  if (kind !== 'overloaded' || behaviour.status === 500) {
    expect(whyOf(second)).toContain('left alone');
    expect(asked()).toBe(1);
  }
});

it('goes on when a provider says nothing, in a stream and otherwise', async () => {
  await open({ env: { PURSER_CALL_TIMEOUT_MS: '600', PURSER_STREAM_IDLE_MS: '400' } });
  world.models.script({ hang: 'before' }, { model: PAID, times: 1 });
  const whole = await ask();
  expect([tierOf(whole), whyOf(whole)]).toEqual(['tier_3_free', expect.stringContaining('timeout')]);
  await eventually(async () => expect(tierOf(await ask())).toBe('tier_1_paid'));
  world.models.script({ hang: 'before' }, { model: PAID, times: 1 });
  const stream = await ask('code_generation', { stream: true });
  expect([tierOf(stream), whyOf(stream)]).toEqual(['tier_3_free', expect.stringContaining('timeout')]);
  expect(await stream.text()).toContain('[DONE]');
});

it('waits for a first byte that is merely slow', async () => {
  await open();
  world.models.script({ latencyMs: 500 }, { model: PAID, times: 1 });
  expect(tierOf(await ask('code_generation', { stream: true }))).toBe('tier_1_paid');
});

it('passes a wrong request on, and says 400 when no tier takes it', async () => {
  await open();
  world.models.script({ status: 400, message: 'too odd' }, { model: PAID });
  expect(tierOf(await ask())).toBe('tier_3_free');
  const alone = await ask('paid_only');
  expect(alone.status).toBe(400);
  expect(await alone.json()).toMatchObject({ error: { message: expect.stringContaining('too odd') as unknown } });
  expect(asked()).toBe(2);
});

it('lets no more calls at once to a provider than it may have', async () => {
  await open({ policy: { limits: { concurrency: 2, waitMs: 0 } } });
  world.models.script({ latencyMs: 300 }, { model: PAID });
  const responses = await Promise.all(Array.from({ length: 6 }, () => ask()));
  expect(responses.map(tierOf).sort()).toEqual([
    ...Array<string>(2).fill('tier_1_paid'),
    ...Array<string>(4).fill('tier_3_free'),
  ]);
  expect(responses.map(whyOf).filter((why) => why.includes('2 calls are under way'))).toHaveLength(4);
  const all = await Promise.all([ask('paid_only'), ask('paid_only'), ask('paid_only')]);
  expect(all.map(({ status }) => status).sort()).toEqual([200, 200, 503]);
  expect(all.find(({ status }) => status === 503)?.headers.get('retry-after')).toBe('1');
});

it('counts requests per minute, and serves free calls meanwhile', async () => {
  await open({ policy: { limits: { requestsPerMinute: 3 } } });
  const tiers: (string | null)[] = [];
  for (let count = 0; count < 5; count++) tiers.push(tierOf(await ask()));
  expect(tiers).toEqual(['tier_1_paid', 'tier_1_paid', 'tier_1_paid', 'tier_3_free', 'tier_3_free']);
  expect(world.models.countersOf(FREE).calls).toBe(2);
});
