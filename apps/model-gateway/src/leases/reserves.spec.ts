import fc from 'fast-check';
import { RESERVE_BELIEVED_MS, type Reservation } from './hold-queue.js';
import type { LeaseClient } from './lease-client.js';
import { holdOf, IDS, IMPORTANT, LIMIT, openClient, reserve, SlowDesk } from './slow-desk.fixture.js';
import type { Hold } from './wallet.js';

/** Of each window; so others stop at 600. */
const RESERVED = 400n;

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

let desk: SlowDesk;
let client: LeaseClient;
beforeEach(async () => {
  desk = new SlowDesk();
  desk.reserved = RESERVED;
  client = await openClient(desk);
});
afterEach(() => client.stop());

const call = (priority: number, amount: bigint, ids = ['a']) =>
  Promise.resolve(reserve(client, ids, amount, amount, priority, RESERVED));
/** Answers whatever is asked, until the call has its word. */
async function served(reserved: Promise<Reservation>): Promise<Reservation> {
  let outcome: Reservation | undefined;
  void reserved.then((reservation) => (outcome = reservation));
  for (let round = 0; round < 100 && !outcome; round++) {
    desk.answer();
    await jest.advanceTimersByTimeAsync(50);
  }
  return reserved;
}

it('money that was leased for an important call serves no lesser one beyond what that may have', async () => {
  const important = holdOf(await served(call(IMPORTANT, 900n)));
  client.wallet.settle(important, 100n);
  // 800 are free here, and all but 100 of the window is leased.
  expect(client.wallet.account('a').free).toBe(800n);
  expect(await served(call(7, 100n))).toMatchObject({ ok: false, why: 'held' });
  expect(await served(call(IMPORTANT, 100n))).toMatchObject({ ok: true });
});

it('once that is given back, the lesser one is served', async () => {
  client.wallet.settle(holdOf(await served(call(IMPORTANT, 900n))), 100n);
  const lesser = call(0, 100n);
  desk.answer();
  await client.recall(['a']);
  expect(await served(lesser)).toMatchObject({ ok: true });
});

it('is refused what only the reserve could pay for, without a question', async () => {
  expect(await call(7, LIMIT - RESERVED + 1n)).toEqual({ ok: false, why: 'exhausted', budgetId: 'budget-a' });
  expect(desk.asked).toBe(0);
  expect(await served(call(IMPORTANT, LIMIT - RESERVED + 1n))).toMatchObject({ ok: true });
});

it('remembers a refusal for those it was meant for', async () => {
  const lesser = call(7, 300n);
  desk.asks.shift()?.resolve({ totals: [], refusal: { kind: 'exhausted', windowId: 'a' } });
  expect(await lesser).toMatchObject({ ok: false, why: 'exhausted' });
  expect(await call(7, 300n)).toMatchObject({ ok: false, why: 'exhausted' });
  expect(desk.asked).toBe(1);
  expect(await served(call(IMPORTANT, 300n))).toMatchObject({ ok: true });
});

it('believes for a second that the reserve is untouched, and then asks', async () => {
  client.wallet.settle(holdOf(await served(call(5, 200n))), 10n);
  const asked = desk.asked;
  for (let n = 0; n < 5; n++) expect(await call(5, 10n)).toMatchObject({ ok: true });
  expect(desk.asked).toBe(asked);
  desk.elsewhere = 500n;
  await jest.advanceTimersByTimeAsync(RESERVE_BELIEVED_MS);
  // There is enough here, but another gateway has leased what is reserved.
  const late = call(5, 10n);
  expect(desk.asks[0]?.windows).toMatchObject([{ windowId: 'a', need: 0n, least: 10n }]);
  expect(await served(late)).toMatchObject({ ok: false, why: 'held' });
  expect(await call(IMPORTANT, 10n)).toMatchObject({ ok: true });
});

it('serves the calls that wait in the order of their priority, and of their coming', async () => {
  const first = holdOf(await served(call(IMPORTANT, 990n)));
  const order: string[] = [];
  const waits = [
    ['b', 8],
    ['d', 5],
    ['a', 9],
    ['c', 8],
    ['e', 5],
  ] as const;
  const waiting = waits.map(([name, priority]) => call(priority, 50n).then((one) => one.ok && order.push(name)));
  desk.answer();
  await jest.advanceTimersByTimeAsync(1);
  expect(order).toEqual([]);
  client.wallet.settle(first, 0n);
  await client.recall(['a']);
  for (let round = 0; round < 20; round++) {
    desk.answer();
    await jest.advanceTimersByTimeAsync(5);
  }
  await Promise.all(waiting);
  expect(order).toEqual(['a', 'b', 'c', 'd', 'e']);
});

it('lets an important call take what is there past lesser ones that wait for more', async () => {
  const first = holdOf(await served(call(5, 100n)));
  client.wallet.settle(first, 0n);
  desk.elsewhere = 800n;
  const lesser = call(5, 500n);
  expect(await call(IMPORTANT, 20n)).toMatchObject({ ok: true });
  expect(await served(lesser)).toMatchObject({ ok: false, why: 'held' });
});

it('does not let a lesser call take, with its refusal, what a more important one came for meanwhile', async () => {
  const first = holdOf(await served(call(5, 100n)));
  desk.elsewhere = 500n;
  const order: string[] = [];
  const lesser = call(5, 80n).then(() => order.push('lesser'));
  const important = call(IMPORTANT, 90n).then(() => order.push('important'));
  client.wallet.settle(first, 0n);
  desk.answer();
  await jest.advanceTimersByTimeAsync(0);
  expect(order).toEqual(['important']);
  desk.elsewhere = 0n;
  for (let round = 0; round < 10; round++) {
    desk.answer();
    await jest.advanceTimersByTimeAsync(50);
  }
  await Promise.all([lesser, important]);
});

it('sends a lesser call away when so many wait that an important one finds no room', async () => {
  desk.elsewhere = LIMIT;
  const waiting = Array.from({ length: 1_000 }, () => call(5, 10n));
  expect(await call(5, 10n)).toMatchObject({ ok: false, why: 'held' });
  const important = call(IMPORTANT, 10n);
  expect(await waiting[999]).toMatchObject({ ok: false, why: 'held' });
  desk.elsewhere = 0n;
  desk.answer();
  await jest.advanceTimersByTimeAsync(50);
  expect(await served(important)).toMatchObject({ ok: true });
  await jest.advanceTimersByTimeAsync(3_000);
});

it('however things interleave: a lesser call starts only where the reserve was untouched a second ago at most, and never before a more important one', async () => {
  const amount = fc.oneof(fc.bigInt({ min: 1n, max: 40n }), fc.bigInt({ min: 40n, max: 300n }));
  const step = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        do: fc.constant('reserve' as const),
        ids: fc.subarray(IDS, { minLength: 1 }),
        amount,
        part: fc.integer({ min: 1, max: 4 }),
        priority: fc.constantFrom(2, 5, 5, 8, 9),
      }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('answer' as const) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('decide' as const) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('deliver' as const), which: fc.nat() }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('settle' as const), which: fc.nat(), part: fc.nat(2) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('lose' as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('recall' as const), ids: fc.subarray(IDS) }) },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constant('elsewhere' as const), amount: fc.constantFrom(0n, 200n, 600n, 900n) }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(20, 300, 1_100, 1_400) }),
    },
  );
  const seen = { lesser: 0, important: 0 };
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60, size: 'max' }), async (steps) => {
      const desk = new SlowDesk();
      desk.reserved = RESERVED;
      const client = await openClient(desk);
      const holds: Hold[] = [];
      /** Answers that are on their way. */
      const mail: (() => void)[] = [];
      const untouchedAt = new Map<string, number>();
      /** Before anything changes: what is untouched now has been so up to now. */
      const note = () => {
        for (const id of IDS) if (desk.isIntact(id)) untouchedAt.set(id, performance.now());
      };
      const waiting: { ids: string; priority: number }[] = [];
      const troubles: unknown[] = [];
      const reserved = (ids: string[], most: bigint, least: bigint, priority: number) => {
        const one = { ids: ids.join(), priority };
        waiting.push(one);
        void Promise.resolve(reserve(client, ids, most, least, priority, RESERVED)).then((reservation) => {
          waiting.splice(waiting.indexOf(one), 1);
          if (!reservation.ok) return;
          holds.push(reservation.hold);
          if (waiting.some((other) => other.ids === one.ids && other.priority > priority))
            troubles.push(['order', one]);
          seen[priority < IMPORTANT ? 'lesser' : 'important'] += 1;
          const now = performance.now();
          const old = ids.filter((id) => !desk.isIntact(id) && now - (untouchedAt.get(id) ?? -Infinity) > 1_000);
          if (priority < IMPORTANT && old.length > 0) troubles.push(['reserve', one, old]);
        });
      };
      for (const one of steps) {
        note();
        if (one.do === 'reserve') reserved(one.ids, one.amount, (one.amount + 3n) / BigInt(one.part), one.priority);
        else if (one.do === 'answer') desk.answer();
        else if (one.do === 'decide') {
          const pending = desk.asks.shift();
          if (!pending) continue;
          const answer = desk.decide(pending);
          mail.push(() => pending.resolve(answer));
        } else if (one.do === 'deliver') mail.splice(one.which % Math.max(1, mail.length), 1)[0]?.();
        else if (one.do === 'lose') desk.asks.shift()?.reject(new Error('lost'));
        else if (one.do === 'settle') {
          const [hold] = holds.length > 0 ? holds.splice(one.which % holds.length, 1) : [];
          if (hold) client.wallet.settle(hold, (hold.amount * BigInt(one.part)) / 2n);
        } else if (one.do === 'recall') void client.recall(one.ids);
        else if (one.do === 'elsewhere') desk.elsewhere = one.amount;
        else await jest.advanceTimersByTimeAsync(one.ms);
        await jest.advanceTimersByTimeAsync(0);
        note();
        expect(troubles).toEqual([]);
      }
      for (const deliver of mail) deliver();
      for (let round = 0; round < 500 && desk.asks.length > 0; round++) {
        desk.answer();
        await jest.advanceTimersByTimeAsync(50);
      }
      await client.stop();
    }),
    { numRuns: 400 },
  );
  // Both did get money.
  expect(Math.min(seen.lesser, seen.important)).toBeGreaterThan(50);
});
