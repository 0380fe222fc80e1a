import { type Spend, spikesSet } from '@purser/contracts';
import { createTestDatabase, type TestDatabase } from '@purser/testing';
import { BudgetsService } from '../budgets/budgets.service.js';
import { LedgerService } from '../ledger/ledger.service.js';
import { newSpend } from '../ledger/new-spend.fixture.js';
import { SettlementService } from '../ledger/settlement.service.js';
import { budgetOf, HandClock, LEDGER_TEMPLATE, openWatchdog, type TestWatchdog } from '../watchdog.fixture.js';
import { LatchRepository } from './latch.repository.js';
import { SpikeRules } from './spike-rules.service.js';
import { SpikeService } from './spike.service.js';

jest.setTimeout(60_000);

/** Recorded series of spend: what rules must not take for a spike, each with one that they must not miss. */

let database: TestDatabase;
let watchdog: TestWatchdog;
const clock = new HandClock(new Date());

beforeEach(async () => {
  database = await createTestDatabase({ template: LEDGER_TEMPLATE });
  watchdog = await openWatchdog(database.url, clock);
});

afterEach(async () => {
  await watchdog?.close();
  await database?.drop();
});

type Sample = readonly [at: string, usd: string];

const budget = (limitUsd: string) =>
  watchdog.get(BudgetsService).set(budgetOf({ id: 'month', period: 'month', limitUsd }));
const rules = (...some: unknown[]) =>
  watchdog.get(SpikeRules).set(spikesSet.request.parse({ rules: some, by: 'ada', reason: 'a spec' }));
const OF_THE_BUDGET = { percent: 20, windowMinutes: 60, minUsd: '5' };
const fired = async () => (await watchdog.get(LatchRepository).read(watchdog.database)).active;
const record = (samples: readonly Sample[], given: Partial<Spend> = {}) =>
  watchdog.get(LedgerService).record(samples.map(([usageAt, amountUsd]) => newSpend({ usageAt, amountUsd, ...given })));
const every = (minutes: number, from: string, usd: string, count: number): Sample[] =>
  Array.from({ length: count }, (_, n) => [new Date(Date.parse(from) + n * minutes * 60_000).toISOString(), usd]);

/** One sample after the other, each at its time; how many went by before the latch was set, all when it was not. */
async function replay(samples: readonly Sample[]): Promise<number> {
  for (const [index, sample] of samples.entries()) {
    clock.set(sample[0]);
    await record([sample]);
    if (await fired()) return index;
  }
  return samples.length;
}

/** Known already, at the time of its last sample. */
async function history(samples: readonly Sample[]): Promise<void> {
  clock.set(samples.at(-1)?.[0] ?? '');
  await record(samples);
  expect(await fired()).toBe(false);
}

describe('the turn of a month', () => {
  it('of a steady spend is no spike, though the month to date is next to nothing; one at that hour is', async () => {
    await rules('0.5 in 30', '2.0 in 120');
    // $1.50 an hour: $1,080 in thirty days, half a percent of which are $5.40.
    await history(every(60, '2026-11-20T00:00:00Z', '1.50', 11 * 24 - 6));
    expect(await replay(every(60, '2026-11-30T18:00:00Z', '1.50', 12))).toBe(12);
    // $2 now, and $2 more a few minutes later, and so on.
    expect(await replay(every(5, '2026-12-01T05:40:00Z', '2.00', 6))).toBe(2);
  });
});

describe('what books report', () => {
  it('neither hides a runaway of metered spend, nor stands for the days that a month needs', async () => {
    await rules('0.5 in 30');
    const reported = every(24 * 60, '2026-11-01T12:00:00Z', '100.00', 20).map(([usageAt, amountUsd]) => ({
      ...newSpend({ usageAt, amountUsd, provider: 'aws' }),
      source: 'reported' as const,
    }));
    clock.set('2026-11-20T12:00:00Z');
    await watchdog.get(SettlementService).settle(reported);
    await history(every(60, '2026-11-10T00:00:00Z', '0.50', 10 * 24));
    // $120 metered in the month, half a percent of which are $0.60; with the books it would be more than $10.
    expect(await replay(every(5, '2026-11-20T12:00:00Z', '0.50', 6))).toBeLessThan(6);
  });
});

describe('the first day', () => {
  it('without a budget has nothing to measure against', async () => {
    await rules('0.5 in 30');
    expect(await replay(every(10, '2026-12-01T00:00:00Z', '3.00', 6))).toBe(6);
  });

  it('with a budget goes by it', async () => {
    await budget('1000');
    await rules('0.5 in 30');
    expect(await replay(every(1, '2026-12-01T03:00:00Z', '1.00', 9))).toBe(5);
  });
});

describe('credits that end', () => {
  it('are no spike when what was free is paid from now on as it was used; a burst then is one', async () => {
    await budget('500');
    await rules('0.5 in 30', '2.0 in 120');
    await history(every(60, '2026-11-01T00:00:00Z', '0', 20 * 24));
    expect(await replay(every(60, '2026-11-21T00:00:00Z', '1.50', 12))).toBe(12);
    expect(await replay(every(5, '2026-11-21T12:30:00Z', '1.00', 6))).toBe(2);
  });
});

describe('a clock', () => {
  beforeEach(async () => {
    await budget('100');
    await rules(OF_THE_BUDGET);
    await history(every(30, '2026-11-26T06:00:00Z', '4.00', 9));
  });

  it('that is put back makes no spike of what was spent in the hours that come again, and hides none', async () => {
    clock.set('2026-11-26T07:00:00Z');
    await watchdog.get(SpikeService).check();
    expect(await fired()).toBe(false);
    expect(await replay(every(1, '2026-11-26T07:01:00Z', '3.00', 6))).toBe(4);
  });

  it('that jumps ahead makes none either', async () => {
    clock.set('2026-11-27T06:00:00Z');
    await watchdog.get(SpikeService).check();
    expect(await fired()).toBe(false);
    expect(await replay(every(1, '2026-11-27T06:01:00Z', '7.00', 6))).toBe(2);
  });

  it('of a gateway that is hours ahead hides nothing', async () => {
    await record([['2026-11-26T16:00:00Z', '13.00']]);
    expect(await fired()).toBe(true);
  });
});

describe('samples that were missing', () => {
  it('are no spike when they come all at once, each at its time; a spike among the last of them is', async () => {
    await budget('100');
    await rules(OF_THE_BUDGET);
    clock.set('2026-11-26T12:00:00Z');
    await record(every(30, '2026-11-26T04:00:00Z', '4.00', 16));
    expect(await fired()).toBe(false);
    await record(every(5, '2026-11-26T11:10:00Z', '2.00', 10));
    expect(await fired()).toBe(true);
  });
});

it('a rule that is looked at now and then is not looked at in between', async () => {
  await budget('100');
  await rules({ ...OF_THE_BUDGET, checkEverySeconds: 180 });
  clock.set('2026-11-26T12:00:00Z');
  await record([['2026-11-26T12:00:00Z', '1.00']]);
  clock.set('2026-11-26T12:02:59Z');
  await record([['2026-11-26T12:02:59Z', '30.00']]);
  expect(await fired()).toBe(false);
  clock.set('2026-11-26T12:03:00Z');
  await watchdog.get(SpikeService).check();
  expect(await fired()).toBe(true);
});
