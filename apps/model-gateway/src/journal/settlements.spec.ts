import type { Bus } from '@purser/bus';
import { PurserError, type Spend, type SpendBatch } from '@purser/contracts';
import type { Log } from '@purser/service';
import type { Journal } from './journal.js';
import { Settlements } from './settlements.js';

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

const spend = (attemptId: string, holdUsd = '0.02') =>
  ({ attemptId, provider: 'openai', amountUsd: holdUsd, holdUsd }) as Spend;

/** The bus and the journal, as far as they matter here. */
function open(answer: (attemptId: string) => Error | undefined) {
  const published: string[] = [];
  const unsent = new Set<string>();
  const warned: string[] = [];
  const bus = {
    publish: (_fact: unknown, _id: string, { spends }: SpendBatch) => {
      const ids = spends.map(({ attemptId }) => attemptId);
      const error = ids.map(answer).find((one) => one !== undefined);
      return error ? Promise.reject(error) : Promise.resolve(published.push(...ids));
    },
  } as unknown as Bus;
  const journal = {
    flush: () => undefined,
    settled: ({ attemptId }: Spend) => void unsent.add(attemptId),
    sent: (attemptId: string) => void unsent.delete(attemptId),
  } as unknown as Journal;
  const say = (_fields: object, message: string) => void warned.push(message);
  const log = { debug: () => undefined, warn: say, error: say } as unknown as Log;
  return { settlements: new Settlements(bus, journal, log), published, unsent, warned };
}

it('publishes until the bus has it, and then has it no longer', async () => {
  let away = true;
  const { settlements, published, unsent } = open(() => (away ? new PurserError('unavailable') : undefined));
  for (const id of ['a', 'b']) settlements.add(spend(id));
  await jest.advanceTimersByTimeAsync(1_000);
  expect([published, [...unsent], settlements.pending]).toEqual([[], ['a', 'b'], 2]);
  away = false;
  const flushed = settlements.flush(60_000);
  await jest.advanceTimersByTimeAsync(5_000);
  await flushed;
  expect([[...published].sort(), unsent.size, settlements.pending]).toEqual([['a', 'b'], 0, 0]);
});

it('goes on past one that the bus will never take, which stays in the journal', async () => {
  const { settlements, published, unsent, warned } = open((id) =>
    id === 'too-large' ? new PurserError('payload_too_large') : undefined,
  );
  for (const id of ['a', 'too-large', 'b']) settlements.add(spend(id));
  await jest.advanceTimersByTimeAsync(60_000);
  expect([published, [...unsent], settlements.pending]).toEqual([['a', 'b'], ['too-large'], 0]);
  expect(warned).toEqual(['a settlement cannot be published']);
});

it('drops what cost nothing while the bus is away for long, and nothing that did', async () => {
  const { settlements, unsent, warned } = open(() => new PurserError('unavailable'));
  for (let n = 0; n < 50_100; n++) settlements.add(spend(`free-${n}`, '0.00'));
  settlements.add(spend('paid'));
  expect(unsent.has('paid')).toBe(true);
  // One that is on its way at the time does not wait.
  expect(unsent.size).toBeGreaterThanOrEqual(50_001);
  expect(unsent.size).toBeLessThan(50_101);
  expect(warned).toEqual(['the bus is away for long: records of free calls are dropped']);
  settlements.stop();
  await jest.advanceTimersByTimeAsync(0);
});

it.each<[string, PurserError | undefined]>([
  ['fails', new PurserError('unavailable')],
  ['is refused', new PurserError('payload_too_large')],
  ['arrives', undefined],
])(
  'sends nothing any more and leaves no timer once it is stopped, also when a message under way %s',
  async (_, end) => {
    let published = 0;
    const publish = () => {
      published += 1;
      return new Promise<void>((resolve, reject) => setTimeout(() => (end ? reject(end) : resolve()), 3_000));
    };
    const unsent = new Set<string>();
    const journal = {
      flush: () => undefined,
      settled: ({ attemptId }: Spend) => void unsent.add(attemptId),
      sent: (attemptId: string) => void unsent.delete(attemptId),
    } as unknown as Journal;
    const quiet = () => undefined;
    const log = { debug: quiet, warn: quiet, error: quiet } as unknown as Log;
    const settlements = new Settlements({ publish } as unknown as Bus, journal, log);
    for (const id of ['a', 'b']) settlements.add(spend(id));
    await jest.advanceTimersByTimeAsync(100);
    settlements.stop();
    settlements.add(spend('late'));
    await jest.advanceTimersByTimeAsync(60_000);
    expect([published, jest.getTimerCount(), settlements.pending]).toEqual([1, 0, 0]);
    // What the bus may not have is sent by the next start.
    expect([...unsent]).toEqual(end ? ['a', 'b', 'late'] : ['late']);
  },
);

it('takes up however much an earlier life left', async () => {
  const unsent = Array.from({ length: 200_000 }, (_, n) => spend(`left-${n}`));
  const publish = () => new Promise<void>(() => undefined);
  const quiet = () => undefined;
  const log = { debug: quiet, warn: quiet, error: quiet } as unknown as Log;
  const settlements = new Settlements(
    { publish } as unknown as Bus,
    { unsent, flush: () => undefined } as unknown as Journal,
    log,
  );
  settlements.resume();
  expect(settlements.pending).toBe(200_000);
  settlements.stop();
  await jest.advanceTimersByTimeAsync(0);
});
