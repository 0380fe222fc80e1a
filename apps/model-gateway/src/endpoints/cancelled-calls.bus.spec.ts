import { parseUsd } from '@purser/money';
import { eventually } from '@purser/testing';
import { hello, openWorld, PAID, type World } from '../gateway.fixture.js';

jest.setTimeout(60_000);
let world: World;
afterEach(() => world.close());

it('charges what was delivered where the provider declares that it bills so', async () => {
  world = await openWorld({ cancelledCallsBill: 'delivered' });
  world.models.script({ outputTokens: 1_000, chunkGapMs: 10 }, { model: PAID, times: 1 });
  const stream = await world.client().chat.completions.create({ ...hello(PAID), stream: true });
  for await (const _ of stream) break;
  await eventually(() => expect(world.models.calls.at(-1)?.state).toBe('cancelled'));
  const spend = await eventually(() => {
    const last = world.watchdog.spends.at(-1);
    expect(last?.outcome).toBe('cancelled');
    return last;
  });
  expect(spend?.finality).toBe('estimate');
  expect(parseUsd(spend?.amountUsd ?? '0')).toBeLessThan(parseUsd(spend?.holdUsd ?? '0') / 4n);
  expect(parseUsd(spend?.amountUsd ?? '0')).toBeGreaterThanOrEqual(world.models.counters.billedNano);
});

it('charges the whole hold when the provider falls silent, whatever it bills of cancelled calls', async () => {
  world = await openWorld({ cancelledCallsBill: 'delivered', env: { PURSER_STREAM_IDLE_MS: '300' } });
  world.models.script({ outputTokens: 1_000, chunkGapMs: 3_000 }, { model: PAID, times: 1 });
  const stream = await world.client().chat.completions.create({ ...hello(PAID), stream: true });
  await expect(
    (async () => {
      for await (const _ of stream);
    })(),
  ).rejects.toMatchObject({ code: 'provider_failed' });
  const spend = await eventually(() => {
    const last = world.watchdog.spends.at(-1);
    expect(last?.outcome).toBe('unknown');
    return last;
  });
  expect(spend).toMatchObject({ finality: 'presumed', amountUsd: spend?.holdUsd });
});
