import fc from 'fast-check';
import type { Reservation } from './hold-queue.js';
import { holdOf, IDS, LIMIT, openClient, reserve, caller as patient, SlowDesk, windowOf } from './slow-desk.fixture.js';
import type { Hold } from './wallet.js';

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

it('asks once, and then serves from memory', async () => {
  const desk = new SlowDesk();
  const client = await openClient(desk);
  const first = reserve(client, ['a', 'b'], 1n);
  desk.answer();
  const hold = holdOf(await first);
  for (let call = 0; call < 5; call++) expect(reserve(client, ['a', 'b'], 3n)).toMatchObject({ ok: true });
  expect(desk.asked).toBe(1);
  client.wallet.settle(hold, 1n);
  await client.stop();
});

it('asks one after the other for the same windows, for what the first one needs', async () => {
  const desk = new SlowDesk();
  const client = await openClient(desk);
  const waiting = [100n, 200n, 50n].map((amount) => Promise.resolve(reserve(client, ['a'], amount)));
  expect(desk.asks).toHaveLength(1);
  expect(desk.asks[0]?.windows).toEqual([{ windowId: 'a', granted: 0n, need: 100n, want: 100n, least: 100n }]);
  desk.answer();
  await jest.advanceTimersByTimeAsync(0);
  // By now it knows of two more.
  expect(desk.asks[0]?.windows).toEqual([{ windowId: 'a', granted: 100n, need: 200n, want: 250n, least: 200n }]);
  for (let round = 0; round < 5; round++) {
    desk.answer();
    await jest.advanceTimersByTimeAsync(0);
  }
  expect((await Promise.all(waiting)).every(({ ok }) => ok)).toBe(true);
  await client.stop();
});

it('waits in order for money that is held, and goes on as soon as a call settles', async () => {
  const desk = new SlowDesk();
  const client = await openClient(desk);
  const first = reserve(client, ['a'], 900n);
  desk.answer();
  const hold = holdOf(await first);
  const order: string[] = [];
  const second = Promise.resolve(reserve(client, ['a'], 600n)).then(() => order.push('second'));
  const third = Promise.resolve(reserve(client, ['a'], 100n)).then(() => order.push('third'));
  desk.answer();
  await jest.advanceTimersByTimeAsync(1);
  expect(order).toEqual([]);
  client.wallet.settle(hold, 200n);
  await jest.advanceTimersByTimeAsync(0);
  await Promise.all([second, third]);
  expect(order).toEqual(['second', 'third']);
  await client.stop();
});

it('gives up after the time it may wait', async () => {
  const desk = new SlowDesk();
  desk.elsewhere = 950n;
  const client = await openClient(desk);
  const waiting = Promise.resolve(reserve(client, ['a'], 100n));
  let outcome: Reservation | undefined;
  void waiting.then((reservation) => (outcome = reservation));
  for (let at = 0; at < 1_990; at += 10) {
    desk.answer();
    await jest.advanceTimersByTimeAsync(10);
  }
  expect(outcome).toBeUndefined();
  expect(desk.asked).toBeLessThan(20);
  desk.answer();
  await jest.advanceTimersByTimeAsync(20);
  expect(outcome).toEqual({ ok: false, why: 'held', budgetId: undefined });
  await client.stop();
});

it('asks once all the same when it may not wait', async () => {
  const desk = new SlowDesk();
  const client = await openClient(desk, 0);
  const fits = reserve(client, ['a'], 100n);
  await jest.advanceTimersByTimeAsync(50);
  desk.answer();
  expect((await fits).ok).toBe(true);
  desk.elsewhere = 900n;
  const held = reserve(client, ['a'], 800n);
  desk.answer();
  await jest.advanceTimersByTimeAsync(10);
  expect(await held).toMatchObject({ ok: false, why: 'held' });
  await client.stop();
});

it('takes less when the call can do with less', async () => {
  const desk = new SlowDesk();
  desk.elsewhere = 700n;
  const client = await openClient(desk);
  const reserved = reserve(client, ['a'], 800n, 250n);
  desk.answer();
  await jest.advanceTimersByTimeAsync(0);
  desk.answer();
  const { amount } = holdOf(await reserved);
  expect(amount >= 250n && amount <= 300n).toBe(true);
  await client.stop();
});

it('remembers what cannot fit, without asking again', async () => {
  const desk = new SlowDesk();
  const client = await openClient(desk);
  expect(await reserve(client, ['a'], LIMIT + 1n)).toMatchObject({ ok: false, why: 'exhausted', budgetId: 'budget-a' });
  const refused = reserve(client, ['a'], 400n);
  desk.asks.shift()?.resolve({ totals: [], refusal: { kind: 'exhausted', windowId: 'a' } });
  expect(await refused).toMatchObject({ ok: false, why: 'exhausted' });
  expect(await reserve(client, ['a'], 500n)).toMatchObject({ ok: false, why: 'exhausted' });
  expect(desk.asked).toBe(1);
  // A smaller one may fit, and a raised limit is another matter.
  void reserve(client, ['a'], 300n);
  void client.reserve({ windows: [windowOf('a', 2n * LIMIT)], most: 500n, least: 500n, priority: 5, caller: patient });
  await jest.advanceTimersByTimeAsync(0);
  expect(desk.asked).toBe(2);
  await client.stop();
});

it('lets the watchdog know that a call no longer fits, also when it could tell by itself', async () => {
  const desk = new SlowDesk();
  const client = await openClient(desk);
  const first = reserve(client, ['a'], 950n);
  desk.answer();
  client.wallet.settle(holdOf(await first), 950n);
  const refuse = async () => {
    const reserved = reserve(client, ['a'], 200n, 80n);
    for (const { windows } of desk.asks) expect(windows).toMatchObject([{ need: 200n, least: 80n }]);
    desk.asks.shift()?.resolve({ totals: [], refusal: { kind: 'exhausted', windowId: 'a' } });
    expect(await reserved).toMatchObject({ ok: false, why: 'exhausted', budgetId: 'budget-a' });
  };
  const last = reserve(client, ['a'], 80n);
  expect(desk.asks[0]?.windows).toMatchObject([{ windowId: 'a', need: 80n, least: 80n }]);
  desk.asks.shift()?.resolve({ totals: [], refusal: { kind: 'exhausted', windowId: 'a' } });
  expect(await last).toMatchObject({ ok: false, why: 'exhausted' });
  // It knows more than it was told: 60 would not fit either.
  expect(await reserve(client, ['a'], 60n)).toMatchObject({ ok: false, why: 'exhausted' });
  await refuse();
  expect(desk.asked).toBe(2);
  // Now and then it asks again: meanwhile the level may be another.
  await jest.advanceTimersByTimeAsync(5_000);
  await refuse();
  expect(desk.asked).toBe(3);
  // Without an answer, what it knows itself has to do.
  await jest.advanceTimersByTimeAsync(5_000);
  const alone = reserve(client, ['a'], 80n);
  desk.asks.shift()?.reject(new Error('nobody there'));
  expect(await alone).toMatchObject({ ok: false, why: 'exhausted', budgetId: 'budget-a' });
  await client.stop();
});

it('returns at once what is recalled, and what lies idle after a while', async () => {
  const desk = new SlowDesk();
  const client = await openClient(desk);
  const first = reserve(client, ['a'], 10n);
  desk.answer();
  const hold = holdOf(await first);
  const granted = desk.of(desk.granted, 'a');
  expect(granted).toBeGreaterThan(10n);
  await client.recall(['b']);
  expect(desk.of(desk.returned, 'a')).toBe(0n);
  desk.failReturns = true;
  await client.recall(['a']);
  desk.failReturns = false;
  await jest.advanceTimersByTimeAsync(1_000);
  expect(desk.of(desk.returned, 'a')).toBe(granted - 10n);
  client.wallet.settle(hold, 4n);
  await jest.advanceTimersByTimeAsync(7_000);
  expect(desk.of(desk.returned, 'a')).toBe(granted - 4n);
  await client.stop();
});

it('holds nothing for a caller that left while the watchdog was asked', async () => {
  const desk = new SlowDesk();
  const client = await openClient(desk);
  const first = reserve(client, ['a'], 100n);
  desk.answer();
  const hold = holdOf(await first);
  const caller = new AbortController();
  const waiting = client.reserve({
    windows: [windowOf('a')],
    most: 50n,
    least: 50n,
    priority: 5,
    caller,
  });
  await jest.advanceTimersByTimeAsync(0);
  caller.abort();
  expect(await waiting).toMatchObject({ ok: false });
  // Meanwhile another call ends, so that there would be enough.
  client.wallet.settle(hold, 10n);
  desk.asks.shift()?.resolve({ totals: [], refusal: { kind: 'held', windowId: 'a' } });
  await jest.advanceTimersByTimeAsync(300);
  expect(client.wallet.account('a').held).toBe(0n);
  await client.stop();
});

it('holds nothing before the last life’s leases are known', async () => {
  const desk = new SlowDesk();
  desk.read = () => Promise.reject(new Error('nobody there'));
  const client = await openClient(desk);
  expect(await reserve(client, ['a'], 1n)).toMatchObject({ ok: false, why: 'away' });
  expect(await reserve(client, [], 1n)).toMatchObject({ ok: true });
  desk.read = () => Promise.resolve({ leases: [], releases: 0 });
  await jest.advanceTimersByTimeAsync(1_100);
  expect(client.ready).toBe(true);
  await client.stop();
});

it('never holds, consumes and returns more than was granted, however things interleave', async () => {
  const amount = fc.bigInt({ min: 1n, max: 400n });
  const step = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant('reserve' as const),
        ids: fc.subarray(IDS, { minLength: 1 }),
        amount,
        part: fc.integer({ min: 1, max: 4 }),
      }),
    },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('answer' as const) }) },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant('settle' as const),
        which: fc.nat(),
        times: fc.integer({ min: 0, max: 3 }),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('lose' as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('recall' as const), ids: fc.subarray(IDS) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('elsewhere' as const), amount }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 3_000 }) }) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const desk = new SlowDesk();
      const client = await openClient(desk);
      const holds: Hold[] = [];
      const check = () => {
        for (const { free, windowId, granted, returned } of client.wallet.all()) {
          expect(free >= 0n).toBe(true);
          expect(granted <= desk.of(desk.granted, windowId)).toBe(true);
          expect(returned >= desk.of(desk.returned, windowId)).toBe(true);
        }
        for (const id of IDS) expect(desk.left(id) >= 0n || desk.elsewhere > 0n).toBe(true);
      };
      for (const one of steps) {
        if (one.do === 'reserve')
          void Promise.resolve(reserve(client, one.ids, one.amount, (one.amount + 3n) / BigInt(one.part))).then(
            (reservation) => reservation.ok && holds.push(reservation.hold),
          );
        else if (one.do === 'answer') desk.answer();
        else if (one.do === 'lose') desk.asks.shift()?.reject(new Error('lost'));
        else if (one.do === 'settle') {
          const [hold] = holds.length > 0 ? holds.splice(one.which % holds.length, 1) : [];
          // Up to three times the hold: a provider that bills beyond it.
          if (hold) client.wallet.settle(hold, hold.amount * BigInt(one.times));
        } else if (one.do === 'recall') void client.recall(one.ids);
        else if (one.do === 'elsewhere') desk.elsewhere = one.amount;
        else await jest.advanceTimersByTimeAsync(one.ms);
        await jest.advanceTimersByTimeAsync(0);
        check();
      }
      for (const hold of holds.splice(0)) client.wallet.settle(hold, 0n);
      for (let round = 0; round < 500 && desk.asks.length > 0; round++) {
        desk.answer();
        await jest.advanceTimersByTimeAsync(0);
      }
      await jest.advanceTimersByTimeAsync(10_000);
      for (const hold of holds.splice(0)) client.wallet.settle(hold, 0n);
      await client.stop();
      check();
      for (const { free, held, windowId, consumed } of client.wallet.all()) {
        expect([free, held]).toEqual([0n, 0n]);
        expect(desk.of(desk.granted, windowId) - desk.of(desk.returned, windowId) >= consumed).toBe(true);
      }
    }),
    { numRuns: 150 },
  );
});
