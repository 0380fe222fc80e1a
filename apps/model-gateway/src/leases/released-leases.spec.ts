import type { LeaseFigures } from './lease-desk.js';
import { caller, holdOf, openClient, reserve, SlowDesk, windowOf } from './slow-desk.fixture.js';

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

const figures = (given: Partial<LeaseFigures>): LeaseFigures => ({
  windowId: 'a',
  granted: 0n,
  returned: 0n,
  consumed: 0n,
  released: 0n,
  ...given,
});

/** With a hundred leased, of which thirty are held. */
async function begin(desk: SlowDesk) {
  const client = await openClient(desk);
  client.hearReleases(0);
  const first = reserve(client, ['a'], 100n);
  desk.answer();
  const hold = holdOf(await first);
  client.wallet.shrink(hold, 30n);
  const release = () => {
    desk.leases = [figures({ granted: desk.of(desk.granted, 'a'), released: desk.of(desk.granted, 'a') })];
    desk.releases = 1;
  };
  return { client, hold, release };
}

it('uses nothing of what was released from the word on, gives it back, and asks for new money', async () => {
  const desk = new SlowDesk();
  const { client, hold, release } = await begin(desk);
  release();
  client.hearReleases(1);
  const reserved = Promise.resolve(reserve(client, ['a'], 10n));
  await jest.advanceTimersByTimeAsync(0);
  expect(desk.of(desk.returned, 'a')).toBe(70n);
  expect([desk.acknowledged, desk.asks[0]?.windows]).toMatchObject([1, [{ granted: 100n, need: 10n }]]);
  desk.answer();
  await jest.advanceTimersByTimeAsync(0);
  expect((await reserved).ok).toBe(true);
  // What the older call leaves over is of the old lease, too; it goes back, and what is idle of the new one with it.
  client.wallet.settle(hold, 12n);
  await jest.advanceTimersByTimeAsync(0);
  expect(desk.of(desk.returned, 'a')).toBe(98n);
  expect(client.wallet.account('a')).toMatchObject({ granted: 120n, consumed: 12n, held: 10n, free: 0n });
  await client.stop();
});

it('pays nothing while it cannot read what was released', async () => {
  const desk = new SlowDesk();
  const { client, release } = await begin(desk);
  release();
  const { read } = desk;
  desk.read = () => Promise.reject(new Error('nobody there'));
  client.hearReleases(1);
  expect(await reserve(client, ['a'], 10n)).toEqual({ ok: false, why: 'away', budgetId: undefined });
  expect(reserve(client, [], 10n)).toMatchObject({ ok: true });
  desk.read = read;
  const reserved = reserve(client, ['a'], 10n);
  await jest.advanceTimersByTimeAsync(0);
  desk.answer();
  expect((await reserved).ok).toBe(true);
  expect(desk.of(desk.returned, 'a')).toBe(70n);
  await client.stop();
});

it('asks first when it heard nothing for so long that it may have been taken for lost, whatever comes in then', async () => {
  const desk = new SlowDesk();
  const { client, release } = await begin(desk);
  jest.advanceTimersByTime(9_000);
  client.hearReleases(0);
  jest.advanceTimersByTime(9_000);
  client.hearReleases(0);
  const usual = reserve(client, ['a'], 1n);
  expect(usual).not.toBeInstanceOf(Promise);
  const waits = reserve(client, ['a'], 2_000n - 1_001n);
  release();
  jest.setSystemTime(Date.now() + 10_001);
  // A heartbeat from before the release, which was on its way when this process was stopped; and an answer likewise.
  client.hearReleases(0);
  desk.answer();
  const reserved = reserve(client, ['a'], 10n);
  expect(reserved).toBeInstanceOf(Promise);
  await jest.advanceTimersByTimeAsync(0);
  expect([desk.acknowledged, client.wallet.account('a').free]).toEqual([1, 0n]);
  for (let round = 0; round < 5; round++) {
    desk.answer();
    await jest.advanceTimersByTimeAsync(2_000);
  }
  await Promise.all([reserved, waits]);
  await client.stop();
});

it('does not believe an answer that was long in coming', async () => {
  const desk = new SlowDesk();
  const { client, release } = await begin(desk);
  const { read } = desk;
  let old: () => void = () => undefined;
  desk.read = () => new Promise((resolve) => (old = () => resolve({ leases: [], releases: 1 })));
  client.hearReleases(1);
  jest.setSystemTime(Date.now() + 10_001);
  release();
  desk.read = read;
  old();
  expect(reserve(client, ['a'], 10n)).toBeInstanceOf(Promise);
  await jest.advanceTimersByTimeAsync(0);
  const reserved = reserve(client, ['a'], 10n);
  await jest.advanceTimersByTimeAsync(0);
  desk.answer();
  await reserved;
  expect(desk.of(desk.returned, 'a')).toBeGreaterThanOrEqual(70n);
  await client.stop();
});

it('reads its leases when the watchdog refuses for that reason, and then gets its money', async () => {
  const desk = new SlowDesk();
  const { client, release } = await begin(desk);
  const reserved = client.reserve({ windows: [windowOf('a')], most: 200n, least: 200n, priority: 5, caller });
  release();
  desk.asks.shift()?.resolve({ totals: [], refusal: { kind: 'released', windowId: 'a' } });
  await jest.advanceTimersByTimeAsync(20);
  expect([desk.acknowledged, desk.of(desk.returned, 'a')]).toEqual([1, 70n]);
  desk.answer();
  await jest.advanceTimersByTimeAsync(0);
  expect(await reserved).toMatchObject({ ok: true });
  await client.stop();
});

it('takes nothing up of a lease that was released while it was down, but what its journal knows goes back', async () => {
  const desk = new SlowDesk();
  desk.leases = [figures({ granted: 100n, returned: 10n, consumed: 20n, released: 70n })];
  desk.releases = 3;
  let full = true;
  const client = await openClient(desk, 2_000, () => {
    if (full) throw new Error('ENOSPC: no space left on device, write');
  });
  expect(client.wallet.account('a')).toMatchObject({ unused: 70n, free: 0n });
  full = false;
  await jest.advanceTimersByTimeAsync(1_000);
  expect([desk.of(desk.returned, 'a'), desk.acknowledged]).toEqual([80n, 3]);
  await client.stop();
});

it('gives a call that waits no money of the old lease either, when some comes free', async () => {
  const desk = new SlowDesk();
  const { client, hold, release } = await begin(desk);
  desk.elsewhere = 900n;
  const waits = Promise.resolve(reserve(client, ['a'], 95n));
  desk.answer();
  await jest.advanceTimersByTimeAsync(1);
  release();
  jest.setSystemTime(Date.now() + 10_001);
  client.wallet.settle(hold, 0n);
  await jest.advanceTimersByTimeAsync(0);
  expect([client.wallet.account('a').held, desk.of(desk.returned, 'a'), desk.acknowledged]).toEqual([0n, 100n, 1]);
  desk.elsewhere = 0n;
  for (let round = 0; round < 3; round++) {
    desk.answer();
    await jest.advanceTimersByTimeAsync(10);
  }
  expect((await waits).ok).toBe(true);
  await client.stop();
});
