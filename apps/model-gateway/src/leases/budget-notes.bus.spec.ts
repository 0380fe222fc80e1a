import { formatUsd, parseUsd } from '@purser/money';
import type { RunningService } from '@purser/service';
import { eventually } from '@purser/testing';
import { hello, openWorld, type World } from '../gateway.fixture.js';
import { start } from '../index.js';

jest.setTimeout(60_000);
let world: World;
let other: RunningService | undefined;
afterEach(async () => {
  await other?.close();
  other = undefined;
  await world.close();
});

const body = { ...hello('code_generation'), max_tokens: 100 };
const left = (response: Response) => response.headers.get('x-purser-budget-remaining-usd');

it('tells what is left of the smallest budget after each call, other gateways’ spending included', async () => {
  world = await openWorld();
  const { watchdog } = world;
  watchdog.setBudget({ id: 'all', period: 'total', limitUsd: '1' });
  watchdog.setBudget({ id: 'openai', period: 'total', limitUsd: '0.5', scope: { provider: 'openai' } });
  await watchdog.beat();
  let first = await world.post(body);
  await eventually(async () => {
    first = await world.post(body);
    expect(left(first)).not.toBeNull();
  });
  const second = await world.post(body);
  const cost = (response: Response) => parseUsd(response.headers.get('x-purser-cost-usd') ?? '');
  expect(left(second)).toBe(formatUsd(parseUsd(left(first) ?? '') - cost(second)));
  expect(parseUsd(left(first) ?? '')).toBeLessThan(parseUsd('0.5'));

  const stream = await (await world.post({ ...body, stream: true })).text();
  const told = /^: x-purser-budget-remaining-usd (\S+)$/m.exec(stream)?.[1] ?? '';
  expect(parseUsd(told)).toBeLessThan(parseUsd(left(second) ?? ''));

  other = await start(world.env);
  const { url } = other;
  const elsewhere = () =>
    fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${world.adminKey}` },
      body: JSON.stringify(body),
    });
  await eventually(async () => {
    await watchdog.beat();
    expect((await elsewhere()).headers.get('x-purser-tier')).toBe('tier_1_paid');
  });
  await eventually(() => expect(watchdog.settled('openai')).toBe(world.models.counters.billedNano));
  // The next lease tells.
  await watchdog.recall();
  await eventually(() => expect(watchdog.leased('openai')).toBe(0n));
  const third = await world.post(body);
  expect(left(third)).toBe(formatUsd(parseUsd('0.5') - world.models.counters.billedNano));
});

it('warns when a budget is nearly used up', async () => {
  world = await openWorld();
  world.watchdog.setBudget({
    id: 'small',
    period: 'total',
    limitUsd: '0.01',
    thresholds: { warning: 0.01, critical: 0.02 },
  });
  await world.watchdog.beat();
  world.models.script({ outputTokens: 100 });
  const warned = await eventually(async () => {
    const response = await world.post(body);
    expect(response.headers.get('x-purser-budget-warning')).toMatch(/^small \d+%$/);
    return response;
  });
  expect(warned.status).toBe(200);
  await eventually(async () => {
    const free = await world.post(body);
    expect(free.headers.get('x-purser-tier')).toBe('tier_3_free');
    expect(free.headers.get('x-purser-budget-warning')).toMatch(/^small \d+%$/);
  });
});
