import type { Database } from '@purser/database';
import { NANO_PER_USD } from '@purser/money';
import { createTestDatabase, type TestDatabase } from '@purser/testing';
import fc from 'fast-check';
import { DeskFake, HandClock, OFFLOAD_TEMPLATE, openManager, openOffload, spendOf, WISH } from '../manager.fixture.js';
import { costOf, VmRates } from '../money/vm-rates.js';
import { Crash, ScriptedPlatform } from '../scripted-platform.fixture.js';
import { VmsService } from './vms.service.js';

let test: TestDatabase;
let database: Database;

beforeAll(async () => {
  test = await createTestDatabase({ template: OFFLOAD_TEMPLATE });
  database = await openOffload(test.url);
}, 60_000);

afterAll(async () => {
  await database?.close();
  await test?.drop();
});

const createFault = fc.constantFrom(
  'stockout',
  'quota',
  'unavailable',
  'refused',
  'lost reply',
  'lost request',
  undefined,
);
const deleteFault = fc.constantFrom('unavailable', 'lost reply', 'lost request', undefined);

const scenario = fc.record({
  /** At which of its steps the first manager dies: a call of the platform, the watchdog or the database, before or after it was done. */
  crashAt: fc.integer({ min: 1, max: 260 }),
  createFaults: fc.array(createFault, { maxLength: 4 }),
  deleteFaults: fc.array(deleteFault, { maxLength: 3 }),
  /** Whether a person has it deleted, or its lifetime ends. */
  removed: fc.boolean(),
  /** Whether the platform takes it away in the middle of its life. */
  preempted: fc.boolean(),
});

it('leaves no VM, no lease and no cost untold, whenever the manager dies and whatever the platform does', async () => {
  let crashes = 0;
  let lived = 0;
  await fc.assert(
    fc.asyncProperty(scenario, async ({ crashAt, createFaults, deleteFaults, removed, preempted }) => {
      await database.query('TRUNCATE vms, strays, bad_zones, outbox');
      const clock = new HandClock();
      const platform = new ScriptedPlatform(clock);
      Object.assign(platform, { createFaults: [...createFaults], deleteFaults: [...deleteFaults] });
      const desk = new DeskFake(100n * NANO_PER_USD);
      const crash = new Crash(crashAt);
      const around = { database, clock, desk, drivers: (at: Crash) => [platform.driver(at)] };

      const first = await openManager({ ...around, crash });
      const vms = first.get(VmsService);
      const vm = await vms.request(WISH).catch(() => undefined);
      await first.rounds(5, 5_000);
      await first.rounds(3, 60_000);
      // A life that began and ended while no manager was there only the platform's own books can tell of.
      if (preempted && !crash.happened) for (const resource of platform.inventory()) platform.end(resource);
      await first.rounds(2, 60_000);
      if (removed && vm) await vms.remove(vm.id, 'a spec').catch(() => undefined);
      await first.rounds(5, 10_000);
      await first.close();
      if (crash.happened) crashes += 1;

      const second = await openManager(around);
      // Past its lifetime, in steps as small as the manager's own.
      await second.rounds(20, 10_000);
      await second.rounds(70, 60_000);
      await second.rounds(12, 10_000);
      const rates = second.get(VmRates);
      await second.close();

      expect(platform.inventory()).toEqual([]);
      const rows = await database.query<{ state: string; lease: string }>('SELECT state, lease FROM vms');
      for (const row of rows) {
        expect(row.state).toBe('gone');
        expect(['none', 'returned']).toContain(row.lease);
      }
      const rate = rates.rate({ provider: 'fake', zone: 'zone-a', machineType: 'small', spot: true, diskGb: 10 });
      const bill = costOf(rate, platform.billedMs);
      const told = await spendOf(database);
      if (platform.billedMs > 0) lived += 1;
      expect(told).toBeGreaterThanOrEqual(bill);
      // Between an end and the look that sees it lies a minute here at most, or the time without a manager.
      const unseen = 61_000 * platform.lives.length + (preempted && crash.happened ? 170_000 : 0);
      expect(told).toBeLessThanOrEqual((bill * 101n) / 100n + costOf(rate, unseen));
      // What is not given back is what it cost.
      expect(desk.held).toBeLessThanOrEqual(told);
    }),
    { numRuns: 60 },
  );
  expect(crashes).toBeGreaterThan(10);
  expect(lived).toBeGreaterThan(10);
}, 300_000);
