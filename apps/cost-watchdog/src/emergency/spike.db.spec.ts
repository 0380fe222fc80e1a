import { type Spend, spikesSet } from '@purser/contracts';
import { createTestDatabase, type TestDatabase } from '@purser/testing';
import { BudgetsService } from '../budgets/budgets.service.js';
import { newSpend } from '../ledger/new-spend.fixture.js';
import { SettlementService } from '../ledger/settlement.service.js';
import { budgetOf, HandClock, LEDGER_TEMPLATE, openWatchdog, type TestWatchdog } from '../watchdog.fixture.js';
import { QuietLooks } from '../windows/quiet-looks.js';
import { WindowChanges } from '../windows/window-changes.js';
import { EmergencyService } from './emergency.service.js';
import { LatchRepository } from './latch.repository.js';
import { SpikeRules } from './spike-rules.service.js';
import { SpikeService } from './spike.service.js';

let database: TestDatabase;
let watchdog: TestWatchdog;
const clock = new HandClock(new Date());

beforeEach(async () => {
  clock.set('2026-11-30T23:30:00Z');
  database = await createTestDatabase({ template: LEDGER_TEMPLATE });
  watchdog = await openWatchdog(database.url, clock, { spikeRules: [{ percent: 20, windowMinutes: 60, minUsd: '5' }] });
});

afterEach(async () => {
  await watchdog?.close();
  await database?.drop();
});

const budget = (limitUsd: string, id = 'month') =>
  watchdog.get(BudgetsService).set(budgetOf({ id, period: 'month', limitUsd }));
const latch = () => watchdog.get(LatchRepository).read(watchdog.database);
const spikes = () => watchdog.facts('alert.critical.spike');

async function spend(amountUsd: string, given: Partial<Spend> = {}): Promise<void> {
  await watchdog.get(SettlementService).settle([newSpend({ amountUsd, usageAt: clock.now().toISOString(), ...given })]);
  await watchdog.get(SpikeService).check();
}

/** As after emergency.reset: there is no bucket here to clear. */
async function reset(): Promise<void> {
  clock.advance(1);
  await watchdog.get(LatchRepository).clear(watchdog.database, { by: 'ada', reason: 'seen' }, clock.now());
  clock.advance(1);
}

describe('the spike rule', () => {
  it('fires above its part of the smallest monthly budget over everything, with figures', async () => {
    await budget('100');
    await budget('50', 'smaller');
    await watchdog
      .get(BudgetsService)
      .set(budgetOf({ id: 'one', scope: { provider: 'openai' }, period: 'month', limitUsd: '1' }));
    await spend('10.00');
    expect(await latch()).toMatchObject({ active: false });
    await spend('0.01', { provider: 'anthropic' });
    expect(await latch()).toMatchObject({ active: true, serial: 1, by: 'spike rule' });
    expect((await latch()).reason).toContain('$10.01 since 2026-11-30T22:30:00.000Z, more than 20 % of the $50.00');
    expect(await spikes()).toMatchObject([
      {
        details: { budgetId: 'smaller', spentUsd: '10.01', allowedUsd: '10.00', byModel: [{ spentUsd: '10.00' }, {}] },
      },
    ]);
  });

  it('does not fire below its least amount, nor for what is spread over time', async () => {
    await budget('10');
    await spend('4.99');
    clock.advance(61 * 60_000);
    await spend('4.99');
    expect(await latch()).toMatchObject({ active: false });
    await spend('0.02');
    expect(await latch()).toMatchObject({ active: true });
  });

  it('sees a spike across the turn of the month, and none where there is none', async () => {
    await budget('50');
    await spend('6.00');
    clock.set('2026-12-01T00:10:00Z');
    await spend('3.00');
    expect(await latch()).toMatchObject({ active: false });
    await spend('1.50');
    expect(await latch()).toMatchObject({ active: true });
  });

  it('fires once per emergency, and after a reset counts only what follows', async () => {
    await budget('50');
    await spend('20.00');
    await spend('20.00');
    expect(await spikes()).toHaveLength(1);
    await reset();
    await spend('9.00');
    expect(await latch()).toMatchObject({ active: false, serial: 1 });
    await spend('2.00');
    expect(await latch()).toMatchObject({ active: true, serial: 2 });
    expect(await spikes()).toHaveLength(2);
  });

  it('is not fooled by old spend that comes in late', async () => {
    await budget('50');
    await spend('30.00', { usageAt: '2026-11-30T12:00:00Z' });
    expect(await latch()).toMatchObject({ active: false });
  });

  it('rests without a monthly budget over everything', async () => {
    await watchdog.get(BudgetsService).set(budgetOf({ id: 'day', period: 'day', limitUsd: '1' }));
    await spend('900.00');
    expect(await latch()).toMatchObject({ active: false });
  });

  it('leaves an emergency of a person as it is', async () => {
    await budget('50');
    await watchdog.get(EmergencyService).trigger({ by: 'ada', reason: 'a drill' });
    await spend('30.00');
    expect(await latch()).toMatchObject({ serial: 1, by: 'ada' });
    expect(await spikes()).toHaveLength(0);
  });
});

describe('rules that a person sets', () => {
  const set = (...rules: unknown[]) =>
    watchdog.get(SpikeRules).set(spikesSet.request.parse({ rules, by: 'ada', reason: 'a spec' }));

  it('hold instead of those of the file, on every watchdog, until they are reset', async () => {
    const other = await openWatchdog(database.url, clock);
    expect(await other.get(SpikeRules).read()).toEqual({ rules: [], set: null });
    await set('0.5 in 30', '2.0 in 120');
    expect(await other.get(SpikeRules).read()).toMatchObject({
      rules: [
        { percent: 0.5, windowMinutes: 30, minUsd: '1', of: 'month' },
        { percent: 2, windowMinutes: 120 },
      ],
      set: { by: 'ada', reason: 'a spec', at: '2026-11-30T23:30:00.000Z' },
    });
    await set();
    expect((await watchdog.get(SpikeRules).read()).rules).toEqual([]);
    await watchdog.get(SpikeRules).reset({ by: 'ada', reason: 'seen' });
    expect(await watchdog.get(SpikeRules).read()).toMatchObject({ rules: [{ percent: 20 }], set: null });
    await other.close();
  });

  it('are looked by as soon as they are set or reset, although nothing is spent', async () => {
    let looks = 0;
    const sweep = new QuietLooks(watchdog.get(WindowChanges), 1_000, () => Promise.resolve(++looks > 0));
    const next = async () => {
      await sweep.next();
      await sweep.next();
      return looks;
    };
    expect(await next()).toBe(1);
    await set('0.5 in 30');
    expect(await next()).toBe(2);
    await watchdog.get(SpikeRules).reset({ by: 'ada', reason: 'seen' });
    expect(await next()).toBe(3);
  });

  it('may tell people and stop nothing, once in each cooldown, and look at one provider', async () => {
    await budget('100');
    const other = await openWatchdog(database.url, clock);
    await set({ percent: 5, windowMinutes: 60, minUsd: '1', provider: 'openai', action: 'alert', cooldownMinutes: 30 });
    await spend('6.00', { provider: 'anthropic' });
    expect(await watchdog.facts('alert.warning.spike_noticed')).toEqual([]);
    await spend('6.00');
    await spend('6.00');
    await other.get(SpikeService).check();
    expect(await watchdog.facts('alert.warning.spike_noticed')).toMatchObject([
      { title: expect.stringContaining('$6.00 at openai since') as string, details: { spentUsd: '6.00' } },
    ]);
    clock.advance(31 * 60_000);
    await spend('0.01');
    expect(await watchdog.facts('alert.warning.spike_noticed')).toHaveLength(2);
    expect(await latch()).toMatchObject({ active: false });
    await other.close();
  });
});
