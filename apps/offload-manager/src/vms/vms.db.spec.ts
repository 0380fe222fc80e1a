import type { CloudEvent } from '@purser/contracts';
import type { Database } from '@purser/database';
import { formatUsd, NANO_PER_USD } from '@purser/money';
import { EmergencyStop } from '@purser/service';
import { createTestDatabase, type TestDatabase } from '@purser/testing';
import {
  DeskFake,
  HandClock,
  OFFLOAD_TEMPLATE,
  openManager,
  openOffload,
  type TestManager,
  WISH,
} from '../manager.fixture.js';
import { PreemptionsRepository } from '../deciding/preemptions.repository.js';
import { ScriptedPlatform } from '../scripted-platform.fixture.js';
import { VmsService } from './vms.service.js';

let test: TestDatabase;
let database: Database;
let clock: HandClock;
let platform: ScriptedPlatform;
let desk: DeskFake;
let manager: TestManager;
let vms: VmsService;

const open = async (env: Record<string, string> = {}) => {
  manager = await openManager({ database, clock, desk, drivers: (crash) => [platform.driver(crash)], env });
  vms = manager.get(VmsService);
};
const states = async (): Promise<string[]> => {
  const rows = await database.query<{ event: string }>(
    `SELECT event FROM outbox WHERE subject LIKE 'vm.%' ORDER BY seq`,
  );
  return rows.map(({ event }) => (JSON.parse(event) as CloudEvent).type.replace('dev.purser.', ''));
};

beforeAll(async () => {
  test = await createTestDatabase({ template: OFFLOAD_TEMPLATE });
  database = await openOffload(test.url);
}, 60_000);

beforeEach(async () => {
  await database.query('TRUNCATE vms, strays, bad_zones, outbox');
  clock = new HandClock();
  platform = new ScriptedPlatform(clock);
  desk = new DeskFake(NANO_PER_USD);
  await open();
});

afterEach(() => manager.close());

afterAll(async () => {
  await database?.close();
  await test?.drop();
});

it('is asked for, paid for in full, made, served, drained, deleted and settled, and each step is told', async () => {
  const { id } = await vms.request(WISH);
  // 0.029 an hour and 10 GB, for one hour.
  expect(formatUsd(desk.held)).toBe('0.031330');
  expect(platform.inventory()).toEqual([]);
  await manager.rounds(4, 5_000);
  expect(await vms.get(id)).toMatchObject({ state: 'ready', zone: 'zone-a', heldUsd: '0.031330' });
  expect(platform.inventory()[0]?.labels).toMatchObject({ 'purser-vm': id, 'purser-component': 'llm' });
  clock.advance(30 * 60_000);
  await vms.drain(id, 'the pressure is gone');
  await manager.rounds(5, 30_000);
  expect(await vms.get(id)).toMatchObject({ state: 'gone', reason: 'the pressure is gone' });
  await manager.rounds(3, 5_000);
  const { costUsd } = await vms.get(id);
  expect(formatUsd(desk.held)).toBe(costUsd);
  expect(Number(costUsd)).toBeCloseTo(0.0168, 3);
  const steps = ['requested', 'creating', 'created', 'ready', 'draining', 'deleting', 'deleted'];
  expect(await states()).toEqual(steps.map((step) => `vm.${step}`));
});

it('is not made when no budget covers its whole life, and says which one', async () => {
  desk.limit = NANO_PER_USD / 50n;
  await manager.close();
  await open();
  await expect(vms.request(WISH)).rejects.toMatchObject({ code: 'budget_exhausted', details: { budget: 'vms' } });
  await manager.rounds(4, 5_000);
  expect(platform.lives).toEqual([]);
  expect(await vms.list({ all: true })).toMatchObject([{ state: 'gone', costUsd: '0.00' }]);
});

it('is not made when nobody knows what such a machine costs', async () => {
  await expect(vms.request({ ...WISH, machineType: 'a2-highgpu-1g' })).rejects.toMatchObject({
    code: 'conflict',
    message: expect.stringContaining('compute-prices.json') as string,
  });
  expect([desk.held, await vms.list({ all: true })]).toEqual([0n, []]);
});

it('goes to the next zone where one has no room, and remembers that for the next one', async () => {
  platform.createFaults = ['stockout', 'quota'];
  const first = await vms.request(WISH);
  await manager.rounds(6, 5_000);
  expect(await vms.get(first.id)).toMatchObject({ state: 'ready', zone: 'zone-c' });
  const second = await vms.request(WISH);
  await manager.rounds(4, 5_000);
  expect(await vms.get(second.id)).toMatchObject({ state: 'ready', zone: 'zone-c' });
});

it('comes to nothing where no zone has room or the platform refuses, and the money goes back', async () => {
  platform.createFaults = ['stockout', 'stockout', 'quota', 'refused'];
  const first = await vms.request(WISH);
  await manager.rounds(6, 5_000);
  expect(await vms.get(first.id)).toMatchObject({
    state: 'gone',
    reason: expect.stringContaining('no zone has room') as string,
  });
  clock.advance(16 * 60_000);
  await manager.round();
  const second = await vms.request(WISH);
  await manager.rounds(6, 5_000);
  expect(await vms.get(second.id)).toMatchObject({ state: 'gone', reason: 'refused by fake: scripted refused' });
  expect(desk.held).toBe(0n);
});

it('refuses a change that cannot be, whoever asks for it', async () => {
  const { id } = await vms.request(WISH);
  await vms.remove(id, 'a spec');
  await expect(database.query(`UPDATE vms SET state = 'creating', zone = 'z', gone_at = NULL`)).rejects.toThrow(
    'a VM that is gone cannot become creating',
  );
});

it('is told of as taken away when the platform did, and silent when its agent is', async () => {
  const taken = await vms.request(WISH);
  const silent = await vms.request(WISH);
  await manager.rounds(4, 5_000);
  const [resource] = platform.inventory().filter(({ name }) => name === taken.name);
  if (resource) platform.end(resource);
  clock.advance(30_000);
  await manager.rounds(2, 5_000);
  expect(await vms.get(taken.id)).toMatchObject({ state: 'gone', reason: 'the platform took it away' });
  expect(await states()).toContain('vm.preempted');
  manager.mute.add(silent.id);
  await manager.rounds(10, 10_000);
  expect(platform.inventory()).toHaveLength(1);
  await manager.rounds(8, 10_000);
  expect(platform.inventory()).toEqual([]);
  expect((await vms.get(silent.id)).reason).toContain('silent');
});

it('counts what was taken away over restarts, for a day', async () => {
  const { name } = await vms.request(WISH);
  await manager.rounds(4, 5_000);
  const [resource] = platform.inventory().filter((one) => one.name === name);
  if (resource) platform.end(resource);
  clock.advance(30_000);
  await manager.rounds(2, 5_000);
  await manager.close();
  await open();
  const preemptions = new PreemptionsRepository(database);
  expect(await preemptions.within(clock.now())).toBe(1);
  clock.advance(24 * 3_600_000);
  expect(await preemptions.within(clock.now())).toBe(0);
});

it('says why it is not gone yet while a call for it may still have an effect, and until when', async () => {
  platform.createFaults = ['lost request'];
  const { id } = await vms.request(WISH);
  await manager.rounds(2, 1_000);
  await vms.remove(id, 'no longer needed');
  await manager.rounds(3, 5_000);
  const { state, reason } = await vms.get(id);
  expect(state).toBe('deleting');
  const until = /^no longer needed; .* may still come to be until (.*)$/.exec(reason)?.[1];
  const leftMs = Date.parse(until ?? '') - clock.now().getTime();
  expect(leftMs).toBeGreaterThan(60_000);
  clock.advance(leftMs);
  await manager.rounds(2, 2_000);
  expect(await vms.get(id)).toMatchObject({ state: 'gone', reason: 'no longer needed' });
});

it('does not take its agent for silent where the manager itself heard nothing for a while', async () => {
  const { id } = await vms.request(WISH);
  await manager.rounds(4, 5_000);
  clock.advance(10 * 60_000);
  await manager.rounds(3, 5_000);
  expect(await vms.get(id)).toMatchObject({ state: 'ready' });
});

it('is given up where nothing may be made any more, and not asked for again', async () => {
  platform.createFaults = ['lost request', 'lost request'];
  const { id } = await vms.request(WISH);
  await manager.rounds(2, 1_000);
  await manager.close();
  await open({ HYBRID_ORCHESTRATION_ENABLED: 'false' });
  await manager.rounds(30, 10_000);
  expect([platform.lives, (await vms.get(id)).state]).toEqual([[], 'gone']);
  expect(desk.held).toBe(0n);
});

it('gives its money back also while its user cannot be taken away, and then takes it away', async () => {
  let revoked = 0;
  let stuck = true;
  const credentials = {
    check: () => Promise.resolve(),
    issue: () => Promise.resolve({}),
    revoke: () => (stuck ? Promise.reject(new Error('the file is not there')) : Promise.resolve(void (revoked += 1))),
  };
  await manager.close();
  manager = await openManager({ database, clock, desk, credentials, drivers: (crash) => [platform.driver(crash)] });
  const { id } = await manager.get(VmsService).request(WISH);
  await manager.rounds(4, 5_000);
  await manager.get(VmsService).remove(id, 'a spec');
  await manager.rounds(6, 10_000);
  const { state, costUsd } = await manager.get(VmsService).get(id);
  expect([state, formatUsd(desk.held)]).toEqual(['gone', costUsd]);
  stuck = false;
  await manager.rounds(4, 60_000);
  expect(revoked).toBe(1);
});

it('is not called gone by a driver that looks in another project, and is looked after when that is back', async () => {
  const { id } = await vms.request(WISH);
  await manager.rounds(4, 5_000);
  const elsewhere = new ScriptedPlatform(clock, 'fake', 'another project');
  await manager.close();
  manager = await openManager({ database, clock, desk, drivers: (crash) => [elsewhere.driver(crash)] });
  await manager.rounds(4, 60_000);
  await manager.get(VmsService).remove(id, 'a spec');
  await manager.rounds(20, 60_000);
  expect(await manager.get(VmsService).get(id)).toMatchObject({ state: 'deleting' });
  expect(desk.held).toBeGreaterThan(0n);
  await manager.close();
  await open();
  await manager.rounds(4, 5_000);
  expect([platform.inventory(), (await vms.get(id)).state]).toEqual([[], 'gone']);
});

it('is not called gone while a call for it may still have an effect', async () => {
  platform.createFaults = ['lost request'];
  const { id, name } = await vms.request(WISH);
  await manager.rounds(2, 1_000);
  await vms.remove(id, 'a spec');
  await manager.rounds(6, 20_000);
  // The call, which may take three minutes, has an effect after all.
  platform.put({ name, labels: { 'purser-vm': id } });
  await manager.rounds(2, 20_000);
  expect([platform.inventory(), (await vms.get(id)).state]).toEqual([[], 'gone']);
});

it('is billed until its platform ended it, and not for the hours in which nobody looked', async () => {
  const { id, name } = await vms.request(WISH);
  await manager.rounds(4, 5_000);
  await manager.close();
  clock.advance(60 * 60_000);
  platform.end({ kind: 'vm', name, zone: 'zone-a' });
  clock.advance(9 * 60 * 60_000);
  await open();
  await manager.rounds(6, 5_000);
  const { state, costUsd } = await vms.get(id);
  expect(state).toBe('gone');
  // An hour and a minute of 0.029 and 10 GB.
  expect(Number(costUsd)).toBeGreaterThan(0.0313);
  expect(Number(costUsd)).toBeLessThan(0.032);
  // All that was held for it is spent.
  expect(formatUsd(desk.held)).toBe('0.031330');
});

it('deletes everything in an emergency, whatever the records say, and names what it could not', async () => {
  const { id, name } = await vms.request(WISH);
  await manager.rounds(4, 5_000);
  const installation = platform.inventory()[0]?.labels['purser-installation'] ?? '';
  platform.put({ name: 'purser-lost', labels: { 'purser-installation': installation } });
  platform.keeps = 'purser-stubborn';
  platform.put({ name: 'purser-stubborn', labels: { 'purser-installation': installation } });
  const stop = manager.get(EmergencyStop);
  const lines = await stop.run({
    serial: 1,
    active: true,
    by: 'ada',
    reason: 'a spike',
    at: clock.now().toISOString(),
  });
  expect(platform.inventory().map((one) => one.name)).toEqual(['purser-stubborn']);
  expect(lines).toContain('vm purser-lost (fake zone-a)');
  expect(lines).toContain('NOT deleted: vm purser-stubborn (fake zone-a) is running');
  expect(lines.filter((line) => line.includes(name))).toEqual([`vm ${name} (fake zone-a)`]);
  expect(await vms.get(id)).toMatchObject({ reason: 'emergency: a spike (by ada)' });
  // What it could not delete is written down, so that it is tried again, also by the next life of the manager.
  platform.keeps = '';
  await manager.close();
  await open();
  await manager.rounds(1, 1_000);
  expect(platform.inventory()).toEqual([]);
});
