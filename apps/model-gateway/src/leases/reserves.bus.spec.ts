import { keysUpdate } from '@purser/contracts';
import { parseUsd } from '@purser/money';
import { eventually } from '@purser/testing';
import { hello, openWorld, PAID, type World } from '../gateway.fixture.js';

jest.setTimeout(60_000);
let world: World;
afterEach(() => world.close());

/** 100 tokens of output at $10 per million, and the input; held a little higher than it costs. */
const small = { ...hello('code_generation'), max_tokens: 100 };
const as = async (priority: number) => {
  const headers = { authorization: `Bearer ${await world.createKey({ priority })}` };
  return (body: object = small) => world.post(body, headers);
};
const tierOf = (response: Response) => response.headers.get('x-purser-tier');
const settled = () => world.watchdog.settled('total');
const caughtUp = () => eventually(() => expect(settled()).toBe(world.models.counters.billedNano));

async function withReserve(limitUsd: string, amountUsd: string): Promise<void> {
  world.watchdog.setBudget({ id: 'total', period: 'total', limitUsd, reserve: { amountUsd, minPriority: 8 } });
  await world.watchdog.beat();
}

it('keeps the last part of a budget for important calls, and says why others do not get it', async () => {
  world = await openWorld();
  world.models.script({ outputTokens: 100 }, { model: PAID });
  await withReserve('0.0200', '0.0080');
  const [lesser, important] = [await as(7), await as(8)];
  let refused: Response | undefined;
  for (let n = 0; n < 30 && !refused; n++) {
    const response = await lesser();
    if (tierOf(response) === 'tier_3_free') refused = response;
    await caughtUp();
  }
  expect(settled()).toBeLessThanOrEqual(parseUsd('0.0120'));
  expect(settled()).toBeGreaterThan(parseUsd('0.0090'));
  expect(refused?.headers.get('x-purser-fallback-reason')).toMatch(
    /budget_exhausted .*total for calls of a priority below 8 \(\$0\.0080 of it is reserved for more important ones\)/,
  );
  expect(tierOf(await important())).toBe('tier_1_paid');
  // Without a free tier it is told so, too; and the admin key is as important as any.
  const alone = await lesser({ ...hello('paid_only'), max_tokens: 100 });
  expect(alone.status).toBe(402);
  expect(await alone.text()).toContain('reserved for more important ones');
  expect(tierOf(await world.post(small))).toBe('tier_3_free');
  const paid = [];
  for (let n = 0; n < 6; n++) paid.push(tierOf(await important()));
  expect(paid).toEqual(Array(6).fill('tier_1_paid'));
  await caughtUp();
  expect(settled()).toBeGreaterThan(parseUsd('0.0150'));
});

it('lets no lesser call use what an important one leased and left over', async () => {
  world = await openWorld({ env: { PURSER_HOLD_WAIT_MS: '0' } });
  world.models.script({ outputTokens: 1 }, { model: PAID });
  await withReserve('0.0200', '0.0190');
  const [lesser, important] = [await as(0), await as(9)];
  // It is held for 1,500 tokens, and costs one; the gateway has the rest.
  await eventually(async () => {
    expect(tierOf(await important({ ...small, max_tokens: 1_500 }))).toBe('tier_1_paid');
    expect(world.watchdog.leased('total')).toBeGreaterThan(parseUsd('0.0100'));
  });
  const { calls } = world.models.countersOf(PAID);
  for (let n = 0; n < 5; n++) expect(tierOf(await lesser())).toBe('tier_3_free');
  expect(world.models.countersOf(PAID).calls).toBe(calls);
  expect(tierOf(await important())).toBe('tier_1_paid');
});

it('holds for what lesser calls have leased already, a second after another gateway used the reserve', async () => {
  world = await openWorld({ env: { PURSER_HOLD_WAIT_MS: '0' } });
  world.models.script({ outputTokens: 1 }, { model: PAID });
  await withReserve('1', '0.5');
  const lesser = await as(5);
  await eventually(async () => expect(tierOf(await lesser())).toBe('tier_1_paid'));
  // No recall, no new revision: the gateway finds out by itself.
  const window = world.watchdog.windows.get('w-total');
  if (window) window.settled += parseUsd('0.6');
  await eventually(async () => expect(tierOf(await lesser())).toBe('tier_3_free'), { timeoutMs: 5_000 });
  const { calls } = world.models.countersOf(PAID);
  for (let n = 0; n < 5; n++) expect(tierOf(await lesser())).toBe('tier_3_free');
  expect(world.models.countersOf(PAID).calls).toBe(calls);
});

it('follows a key whose priority is changed, and a reserve that is set or lifted', async () => {
  world = await openWorld({ env: { PURSER_HOLD_WAIT_MS: '0' } });
  world.models.script({ outputTokens: 1 }, { model: PAID });
  await withReserve('0.0200', '0.0200');
  const id = 'web';
  const headers = { authorization: `Bearer ${await world.createKey({ id })}` };
  const tier = async () => tierOf(await world.post(small, headers));
  await eventually(async () => expect(await tier()).toBe('tier_3_free'));
  await world.bus.call(keysUpdate, { id, priority: 9 });
  await eventually(async () => expect(await tier()).toBe('tier_1_paid'));
  await world.bus.call(keysUpdate, { id, priority: 4 });
  await eventually(async () => expect(await tier()).toBe('tier_3_free'));
  world.watchdog.setBudget({ id: 'total', period: 'total', limitUsd: '0.0200' });
  await world.watchdog.beat();
  await eventually(async () => expect(await tier()).toBe('tier_1_paid'));
  await withReserve('0.0200', '0.0200');
  await eventually(async () => expect(await tier()).toBe('tier_3_free'));
});
