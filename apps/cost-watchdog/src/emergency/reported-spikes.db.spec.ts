import { spikesSet } from '@purser/contracts';
import { SourceBench } from '../sources/sources.fixture.js';
import { LatchRepository } from './latch.repository.js';
import { SpikeRules } from './spike-rules.service.js';
import { SpikeService } from './spike.service.js';

const HOUR = 60 * 60_000;
const DAY = 24 * HOUR;

/** Books that are told some times a day, as those of a cloud are. */
let bench: SourceBench;

async function open(): Promise<void> {
  bench = await SourceBench.open();
  bench.clock.set('2026-11-20T08:00:00Z');
  await set({ source: 'books', percent: 1, windowMinutes: 60, minUsd: '1' });
}

beforeEach(async () => {
  await open();
  // $10 a day: a month of $300, of which 1 % is $3, and 42 cents an hour.
  bench.source.rows = Object.fromEntries(
    Array.from({ length: 19 }, (_, day) => [`2026-11-${String(day + 1).padStart(2, '0')} compute`, '10']),
  );
  bench.source.rows['2026-11-20 compute'] = '3.33';
  await bench.poll();
});

afterEach(() => bench?.close());

const set = (...rules: unknown[]) =>
  bench.watchdog.get(SpikeRules).set(spikesSet.request.parse({ rules, by: 'ada', reason: 'a spec' }));
const latch = () => bench.watchdog.get(LatchRepository).read(bench.watchdog.database);

async function fired(): Promise<boolean> {
  await bench.watchdog.get(SpikeService).check();
  return (await latch()).active;
}

/** The books are told anew, so much later. */
async function refreshed(afterMs: number, rows: Record<string, string>): Promise<boolean> {
  bench.source.rows = { ...bench.source.rows, ...rows };
  await bench.later(afterMs);
  return fired();
}

it('is no spike, as all began, as days went by, and as the first refresh of a day brings hours at once', async () => {
  expect(await fired()).toBe(false);
  expect(await refreshed(8 * HOUR, { '2026-11-20 compute': '6.67' })).toBe(false);
  expect(await refreshed(8 * HOUR, { '2026-11-20 compute': '10' })).toBe(false);
  expect(await refreshed(9 * HOUR, { '2026-11-21 compute': '4' })).toBe(false);
});

it('fires above its part beyond what was to be expected, as a rate between two refreshes', async () => {
  // Eight hours: $3.33 were to be expected, and $24 beyond that are 1 % in each hour.
  expect(await refreshed(8 * HOUR, { '2026-11-20 compute': '29' })).toBe(false);
  expect(await refreshed(8 * HOUR, { '2026-11-20 compute': '59' })).toBe(true);
  expect(await latch()).toMatchObject({ by: 'spike rule' });
  const { reason } = await latch();
  expect(reason).toContain('by the books of books since 2026-11-20T23:00:00.000Z');
  expect(reason).toContain('where $0.41');
  expect(await bench.alerts('spike', 'critical')).toMatchObject([
    { details: { byModel: [{ model: 'compute', spentUsd: '3.75' }] } },
  ]);
});

it('fires for a service that is new in the books, from when they were told last', async () => {
  expect(await refreshed(8 * HOUR, { '2026-11-20 gpus': '28' })).toBe(true);
});

it('takes days that come late for what they are, also when books that stood still tell of three at once', async () => {
  const late = { '2026-11-20 compute': '10', '2026-11-21 compute': '10', '2026-11-22 compute': '10' };
  expect(await refreshed(2 * DAY + 16 * HOUR, late)).toBe(false);
  expect(await refreshed(HOUR, { '2026-11-19 compute': '40' })).toBe(false);
});

it('sees a spike across the turn of the month, and none where there is none', async () => {
  for (let day = 20; day <= 30; day++)
    expect(await refreshed(day === 20 ? 15.9 * HOUR : DAY, { [`2026-11-${day} compute`]: '10' })).toBe(false);
  expect(await refreshed(8 * HOUR, { '2026-12-01 compute': '3.33' })).toBe(false);
  expect(await refreshed(4 * HOUR, { '2026-12-01 compute': '20' })).toBe(true);
});

it('heeds its least amount, and after a reset only what is told then', async () => {
  expect(await refreshed(8 * HOUR, { '2026-11-20 compute': '60' })).toBe(true);
  bench.clock.advance(1);
  await bench.watchdog
    .get(LatchRepository)
    .clear(bench.watchdog.database, { by: 'ada', reason: 'seen' }, bench.clock.now());
  bench.clock.advance(200_000);
  expect(await fired()).toBe(false);
  expect(await refreshed(HOUR, { '2026-11-20 compute': '61' })).toBe(false);
  await set({ source: 'books', percent: 1, windowMinutes: 60, minUsd: '50' });
  expect(await refreshed(HOUR, { '2026-11-20 compute': '100' })).toBe(false);
  await set({ source: 'books', percent: 1, windowMinutes: 60, minUsd: '1' });
  expect(await fired()).toBe(true);
});

it('rests on books that are known for less than a week, without a budget to go by', async () => {
  await bench.close();
  await open();
  bench.source.rows = { '2026-11-18 compute': '10', '2026-11-19 compute': '10' };
  await bench.poll();
  expect(await refreshed(8 * HOUR, { '2026-11-20 compute': '500' })).toBe(false);
  await bench.budget({ limitUsd: '1000' });
  bench.clock.advance(200_000);
  expect(await fired()).toBe(true);
});
