import { holdOf, log, openClient, reserve, SlowDesk } from './slow-desk.fixture.js';

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

it('keeps what it cannot write down as returned, and goes on', async () => {
  const desk = new SlowDesk();
  let full = true;
  const client = await openClient(desk, 2_000, () => {
    if (full) throw new Error('ENOSPC: no space left on device, write');
  });
  const first = reserve(client, ['a'], 10n);
  desk.answer();
  client.wallet.settle(holdOf(await first), 4n);
  const { free } = client.wallet.account('a');
  await client.recall(['a']);
  await jest.advanceTimersByTimeAsync(7_000);
  expect([client.wallet.account('a').free, desk.of(desk.returned, 'a')]).toEqual([free, 0n]);
  full = false;
  await jest.advanceTimersByTimeAsync(1_000);
  expect(desk.of(desk.returned, 'a')).toBe(free);
  await client.stop();
});

it('outlives whatever goes wrong in a sweep', async () => {
  const desk = new SlowDesk();
  const client = await openClient(desk);
  const told = jest.spyOn(log, 'error');
  const sweeping = jest.spyOn(client.wallet, 'all').mockImplementationOnce(() => {
    throw new Error('a defect');
  });
  await jest.advanceTimersByTimeAsync(2_100);
  expect(told).toHaveBeenCalledTimes(1);
  expect(sweeping.mock.calls.length).toBeGreaterThan(1);
  await client.stop();
});
