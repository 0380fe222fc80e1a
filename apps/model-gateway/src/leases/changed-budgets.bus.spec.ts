import { eventually } from '@purser/testing';
import { hello, openWorld, PAID, type World } from '../gateway.fixture.js';

jest.setTimeout(60_000);
let world: World;
afterEach(() => world.close());

const small = { ...hello('code_generation'), max_tokens: 100 };
const ask = async (headers?: Record<string, string>) => (await world.post(small, headers)).headers.get('x-purser-tier');
const billed = () => world.models.counters.billedNano;
const nothingLeased = (budget: string) => eventually(() => expect(world.watchdog.leased(budget)).toBe(0n));
const keyOf = async (task: string) => ({ authorization: `Bearer ${await world.createKey({ task })}` });

describe('a limit that is lowered', () => {
  it('binds what is leased already, although no recall arrives', async () => {
    world = await openWorld();
    world.watchdog.setBudget({ id: 'total', period: 'total', limitUsd: '100' });
    await world.watchdog.beat();
    await eventually(async () => {
      expect(await ask()).toBe('tier_1_paid');
      expect(world.watchdog.leased('total')).toBeGreaterThan(0n);
    });
    // One call is under way, whose hold is far above its cost.
    world.models.script({ outputTokens: 5, latencyMs: 1_500 }, { model: PAID, times: 1 });
    const slow = world.post({ ...hello('code_generation'), max_tokens: 4_000 });
    await eventually(() => expect(world.models.counters.running).toBe(1));
    world.watchdog.setBudget({ id: 'total', period: 'total', limitUsd: '0.0001' });
    await world.watchdog.beat();
    await eventually(async () => expect(await ask()).toBe('tier_3_free'));
    expect((await slow).headers.get('x-purser-tier')).toBe('tier_1_paid');
    const before = billed();
    for (let call = 0; call < 10; call++) expect(await ask()).toBe('tier_3_free');
    expect(billed()).toBe(before);
    await nothingLeased('total');
  });

  it('of a task binds that task, and costs the others nothing', async () => {
    world = await openWorld();
    const { watchdog } = world;
    const of = (task: string, limitUsd: string) =>
      watchdog.setBudget({ id: `task-${task}`, scope: { task }, period: 'total', limitUsd });
    of('t-1', '10');
    of('t-2', '10');
    await watchdog.beat();
    const [one, two] = [await keyOf('t-1'), await keyOf('t-2')];
    await eventually(async () => expect([await ask(one), await ask(two)]).toEqual(['tier_1_paid', 'tier_1_paid']));
    await eventually(() => expect(watchdog.leased('task-t-1')).toBeGreaterThan(0n));
    watchdog.lists.length = 0;
    for (let n = 0; n < 20; n++) of(`other-${n}`, '1');
    of('t-1', '0.0001');
    await watchdog.beat();
    await eventually(async () => expect(await ask(one)).toBe('tier_3_free'));
    expect(await ask(two)).toBe('tier_1_paid');
    expect(watchdog.lists).toEqual(['t-1']);
    await nothingLeased('task-t-1');
  });
});

it('gives back what was granted although the answer was lost', async () => {
  world = await openWorld();
  world.watchdog.setBudget({ id: 'total', period: 'total', limitUsd: '1' });
  await world.watchdog.beat();
  world.watchdog.mumbles = true;
  await eventually(async () => {
    expect(await ask()).toBe('tier_3_free');
    expect(world.watchdog.leased('total')).toBeGreaterThan(0n);
  });
  world.watchdog.mumbles = false;
  await nothingLeased('total');
});

it('says so when more budgets match a call than one grant may concern', async () => {
  world = await openWorld();
  for (let n = 0; n < 65; n++) world.watchdog.setBudget({ id: `b-${n}`, period: 'total', limitUsd: '1' });
  await world.watchdog.beat();
  await eventually(async () => {
    const response = await world.post(hello('paid_only'));
    expect(response.status).toBe(503);
    expect(await response.text()).toContain('65 budgets match this call, and at most 64 can be held at once');
  });
});
