import type { CloudEvent, StrayResource } from '@purser/contracts';
import type { Database } from '@purser/database';
import { NANO_PER_USD } from '@purser/money';
import { Latch } from '@purser/service';
import { createTestDatabase, type TestDatabase } from '@purser/testing';
import {
  DeskFake,
  HandClock,
  OFFLOAD_TEMPLATE,
  openManager,
  openOffload,
  spendOf,
  type TestManager,
  WISH,
} from '../manager.fixture.js';
import { costOf, VmRates } from '../money/vm-rates.js';
import { ScriptedPlatform } from '../scripted-platform.fixture.js';
import { VmRecords } from '../vms/vm-records.js';
import { VmsService } from '../vms/vms.service.js';
import { Reaper } from './reaper.service.js';

let test: TestDatabase;
let database: Database;
let clock: HandClock;
let platform: ScriptedPlatform;
let manager: TestManager;
let label: Record<string, string>;

const open = async (env: Record<string, string> = {}) => {
  const desk = new DeskFake(100n * NANO_PER_USD);
  manager = await openManager({ database, clock, desk, drivers: (crash) => [platform.driver(crash)], env });
  label = { 'purser-installation': await manager.get(VmRecords).installation() };
};
const told = async (subject: string): Promise<StrayResource[]> => {
  const rows = await database.query<{ event: string }>('SELECT event FROM outbox WHERE subject LIKE $1 ORDER BY seq', [
    `${subject}.%`,
  ]);
  return rows.map(({ event }) => (JSON.parse(event) as CloudEvent).data as StrayResource);
};

beforeAll(async () => {
  test = await createTestDatabase({ template: OFFLOAD_TEMPLATE });
  database = await openOffload(test.url);
}, 60_000);

beforeEach(async () => {
  await database.query('TRUNCATE vms, strays, bad_zones, outbox');
  clock = new HandClock();
  platform = new ScriptedPlatform(clock);
});

afterEach(() => manager.close());

afterAll(async () => {
  await database?.close();
  await test?.drop();
});

it('deletes at the second look what carries the label and no record claims, with disks and addresses, and bills it', async () => {
  await open();
  platform.put({ name: 'purser-lost', labels: label, zone: 'zone-c' });
  platform.put({ name: 'purser-disk', kind: 'disk', labels: label, machineType: undefined, diskGb: 100 });
  platform.put({ name: 'purser-ip', kind: 'address', labels: label, machineType: undefined, diskGb: undefined });
  const others = platform.put({ name: 'somebody-elses', labels: { 'purser-installation': 'another' } });
  clock.advance(30 * 60_000);

  await manager.round();
  expect(platform.inventory()).toHaveLength(4);
  clock.advance(30_000);
  await manager.round();
  expect(platform.inventory()).toHaveLength(4);
  clock.advance(30_000);
  await manager.round();
  expect(platform.inventory()).toEqual([others]);

  await manager.round();
  const names = ['purser-disk', 'purser-ip', 'purser-lost'];
  expect((await told('vm.orphaned')).map(({ name }) => name).sort()).toEqual(names);
  expect((await told('vm.reaped')).map(({ name }) => name).sort()).toEqual(names);
  const rates = manager.get(VmRates);
  const at = { provider: 'fake', zone: 'zone-a', spot: true };
  const owed =
    costOf(rates.rate({ ...at, machineType: 'small', diskGb: 10 }), 31 * 60_000) +
    costOf(rates.rate({ ...at, machineType: undefined, diskGb: 100 }), 31 * 60_000) +
    // An address at $0.01 an hour.
    (10_000_000n * 31n) / 60n;
  const paid = await spendOf(database);
  expect(Number(paid - owed)).toBeGreaterThanOrEqual(0);
  expect(Number(paid - owed)).toBeLessThan(Number(owed) / 100);
});

it('lets be what a record claims, in its zone and not in another one', async () => {
  await open();
  const vm = await manager.get(VmsService).request(WISH);
  await manager.rounds(4, 5_000);
  const { state, zone } = await manager.get(VmsService).get(vm.id);
  expect([state, zone]).toEqual(['ready', 'zone-a']);
  // As one would be left behind that was created by a manager that had lost the row to another one.
  platform.put({ name: vm.name, zone: 'zone-b', labels: { ...label, 'purser-vm': vm.id } });
  await manager.get(Reaper).look();
  await manager.rounds(3, 60_000);
  expect(platform.inventory().map((one) => one.zone)).toEqual(['zone-a']);
});

it('keeps what is too young, and pays for it, and deletes it when it is old enough', async () => {
  await open({ ORPHANED_VM_MAX_AGE_HOURS: '1' });
  platform.put({ name: 'purser-lost', labels: label });
  await manager.rounds(5, 60_000);
  expect(platform.inventory()).toHaveLength(1);
  expect((await told('vm.orphaned')).map(({ name }) => name)).toEqual(['purser-lost']);
  expect(await spendOf(database)).toBeGreaterThan(0n);
  await manager.rounds(70, 60_000);
  expect(platform.inventory()).toEqual([]);
});

it('forces down what is past the end on its label, also while a record claims it', async () => {
  await open();
  const vm = await manager.get(VmsService).request(WISH);
  await manager.rounds(4, 5_000);
  // Whatever it was that let the row live longer.
  await database.query(`UPDATE vms SET expires_at = expires_at + interval '5 hours'`);
  clock.advance(62 * 60_000 + 30_000);
  await manager.get(Reaper).look();
  clock.advance(60_000);
  await manager.rounds(2, 30_000);
  expect(platform.inventory()).toEqual([]);
  expect((await told('vm.reaped')).map(({ reason }) => reason)).toEqual([expect.stringContaining('lifetime was over')]);
  await manager.rounds(3, 5_000);
  expect((await manager.get(VmsService).get(vm.id)).state).toBe('gone');
});

it('changes nothing in a dry run, and says what it found', async () => {
  await open({ HYBRID_ORCHESTRATION_DRY_RUN: 'true' });
  platform.put({ name: 'purser-lost', labels: label });
  const { found } = await manager.get(Reaper).look();
  expect(found.map(({ resource }) => resource.name)).toEqual(['purser-lost']);
  await manager.rounds(5, 60_000);
  expect(platform.inventory()).toHaveLength(1);
  await expect(manager.get(VmsService).request(WISH)).rejects.toMatchObject({ code: 'conflict' });
});

it('looks again soon where a platform could not be searched, and where one of several could not be taken up', async () => {
  await open();
  platform.away = true;
  await manager.round();
  platform.away = false;
  for (const name of ['purser-one', 'purser-two', 'purser-three']) platform.put({ name, labels: label });
  await manager.rounds(2, 60_000);
  // At the second look one cannot be looked at.
  platform.hides = 'purser-one';
  await manager.rounds(2, 60_000);
  expect(platform.inventory().map(({ name }) => name)).toEqual(['purser-one']);
  platform.hides = '';
  await manager.rounds(2, 60_000);
  expect(platform.inventory()).toEqual([]);
});

it('deletes what a person asked for, and not what is found by itself later, where it may not', async () => {
  await open({ ENABLE_AUTO_CLEANUP: 'false', CLEANUP_CHECK_INTERVAL_HOURS: '1' });
  platform.put({ name: 'purser-asked', labels: label });
  // It cannot be looked at for a while, so that the deletion is still to come.
  platform.hides = 'purser-asked';
  clock.advance(3_600_000);
  await manager.get(Reaper).look();
  await manager.rounds(2, 60_000);
  platform.put({ name: 'purser-later', labels: label });
  clock.advance(3_600_000);
  await manager.rounds(6, 30_000);
  expect((await told('vm.orphaned')).map(({ name }) => name)).toEqual(['purser-later']);
  platform.hides = '';
  await manager.rounds(4, 60_000);
  expect(platform.inventory().map(({ name }) => name)).toEqual(['purser-later']);
});

it('takes nothing for too young in an emergency, and looks every minute', async () => {
  const calm = { ORPHANED_VM_MAX_AGE_HOURS: '6', CLEANUP_CHECK_INTERVAL_HOURS: '6', ENABLE_AUTO_CLEANUP: 'false' };
  await open(calm);
  const reaper = manager.get(Reaper);
  await reaper.sweep();
  platform.put({ name: 'purser-lost', labels: label });
  const set = { serial: 1, active: true, by: 'ada', reason: 'a spike', at: clock.now().toISOString() };
  manager.get(Latch).observe(set, true);
  for (let i = 0; i < 3; i++) {
    clock.advance(60_000);
    await reaper.sweep();
  }
  expect(platform.inventory()).toEqual([]);
});

it('tries on where a deletion failed, and does not call it gone before it was seen to be', async () => {
  await open();
  platform.put({ name: 'purser-lost', labels: label });
  platform.deleteFaults = ['lost request', 'lost request', 'lost request', 'lost request'];
  await manager.rounds(2, 60_000);
  await manager.round();
  expect(platform.inventory()).toHaveLength(1);
  expect(await told('vm.reaped')).toEqual([]);
  await manager.rounds(2, 60_000);
  expect(platform.inventory()).toEqual([]);
  expect(await told('vm.reaped')).toHaveLength(1);
});
