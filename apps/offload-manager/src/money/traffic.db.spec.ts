import { jest } from '@jest/globals';
import { type Spend, Vm, type VmHeartbeat } from '@purser/contracts';
import type { Database } from '@purser/database';
import { formatUsd, NANO_PER_USD } from '@purser/money';
import { Log } from '@purser/service';
import { createTestDatabase, type TestDatabase } from '@purser/testing';
import { AgentsRepository } from '../agents/agents.repository.js';
import { AgentsService } from '../agents/agents.service.js';
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
import { QUIET } from '../offload.fixture.js';
import { ScriptedPlatform } from '../scripted-platform.fixture.js';
import { VmsService } from '../vms/vms.service.js';
import { TrafficRepository } from './traffic.repository.js';
import { NO_PRICES, type VmPrices } from './vm-prices.js';

const GB = 2 ** 30;
/** 0.029 an hour and 10 GB of disk, for one hour. */
const LIFE = 31_330_000n;

let test: TestDatabase;
let database: Database;
let clock: HandClock;
let platform: ScriptedPlatform;
let desk: DeskFake;
let manager: TestManager;
let vms: VmsService;
let agents: AgentsService;

beforeAll(async () => {
  test = await createTestDatabase({ template: OFFLOAD_TEMPLATE });
  database = await openOffload(test.url);
}, 60_000);

beforeEach(async () => {
  await database.query('TRUNCATE vms, vm_traffic, strays, outbox');
  clock = new HandClock();
  platform = new ScriptedPlatform(clock);
  desk = new DeskFake(NANO_PER_USD);
  await open({ ...NO_PRICES, egressRateFor: () => ({ nanoPerGb: 100_000_000n, row: 'ten cents' }) });
});

afterEach(() => manager.close());

afterAll(async () => {
  await database?.close();
  await test?.drop();
});

async function open(prices: VmPrices): Promise<void> {
  const drivers = () => [platform.driver()];
  manager = await openManager({ database, clock, desk, drivers, prices, env: { PURSER_VM_EGRESS_GB: '4' } });
  vms = manager.get(VmsService);
  const unhealthy = { PURSER_OFFLOAD_UNHEALTHY_SECONDS: 60 };
  const traffic = manager.get(TrafficRepository);
  agents = new AgentsService(new AgentsRepository(database), traffic, clock, vms, unhealthy, QUIET);
}

async function ready(): Promise<string> {
  const { id } = await vms.request(WISH);
  await manager.rounds(4, 5_000);
  expect((await vms.get(id)).state).toBe('ready');
  return id;
}

const beat = (vm: string, gigabytes: number, counter = 'boot-1') => {
  const sent = { counter, bytes: Math.round(gigabytes * GB) };
  const said: VmHeartbeat = { vm, component: 'llm', healthy: true, serving: true, inFlight: 0, memoryMb: null, sent };
  return agents.hear(said);
};

const traffic = async (): Promise<Spend[]> => {
  const rows = await database.query<{ event: string }>(
    `SELECT event FROM outbox WHERE subject LIKE 'spend.%' ORDER BY seq`,
  );
  return rows
    .flatMap(({ event }) => (JSON.parse(event) as { data: { spends: Spend[] } }).data.spends)
    .filter(({ model }) => model === 'egress');
};

it('is held for with the VM, told by the minute, and settled with its cost', async () => {
  const id = await ready();
  // Twice what it may send: so far it would be believed.
  expect(formatUsd(desk.held)).toBe(formatUsd(LIFE + 800_000_000n));
  expect(platform.specs.at(-1)?.startup.agent.env.PURSER_VM_EGRESS_BYTES).toBe(String(4 * GB));
  // Heartbeats overtake each other; and a system that starts again counts from nothing.
  for (const said of [0.5, 1, 0.75]) await beat(id, said);
  await beat(id, 0.25, 'boot-2');
  await manager.rounds(3, 60_000);
  expect(await traffic()).toMatchObject([
    { amountUsd: '0.1250', provider: 'fake', tier: 'spot', capability: 'compute', priceRow: 'ten cents' },
  ]);
  await beat(id, 1.5);
  await manager.rounds(3, 60_000);
  expect((await traffic()).map(({ amountUsd }) => amountUsd)).toEqual(['0.1250', '0.05']);
  await beat(id, 2);
  // Its platform takes its time, and its agent's last word comes as it ends.
  platform.keeps = (await vms.get(id)).name;
  await vms.remove(id, 'no longer needed');
  expect(await beat(id, 2.5)).toBe('end');
  platform.keeps = '';
  await manager.rounds(4, 5_000);
  const { state, costUsd, sentBytes } = await vms.get(id);
  expect([state, sentBytes]).toEqual(['gone', 2.75 * GB]);
  expect(costUsd).toBe(formatUsd(await spendOf(database)));
  expect(formatUsd(desk.held)).toBe(costUsd);
  expect(Number(costUsd)).toBeGreaterThan(0.275);
});

it('is drained before it has sent all that is paid for, and ended when it has', async () => {
  const id = await ready();
  expect(await beat(id, 3.1)).not.toBe('end');
  expect((await vms.get(id)).state).toBe('ready');
  expect(await beat(id, 3.3)).not.toBe('end');
  const { state, reason } = await vms.get(id);
  expect([state, reason]).toEqual([
    'draining',
    expect.stringMatching(/has sent 3379 MB of the 4096 MB .*PURSER_VM_EGRESS_GB/),
  ]);
  expect(await beat(id, 4)).toBe('end');
  await manager.rounds(3, 5_000);
  expect((await vms.get(id)).state).toBe('gone');
  expect(platform.inventory()).toEqual([]);
});

it('is not believed what nothing could be paid from', async () => {
  const warn = jest.spyOn(manager.get(Log), 'warn');
  const id = await ready();
  const { held } = desk;
  await beat(id, 1_000_000);
  await manager.rounds(4, 60_000);
  expect(await traffic()).toMatchObject([{ amountUsd: '0.80' }]);
  expect(await spendOf(database)).toBeLessThanOrEqual(held);
  const warned = warn.mock.calls.filter(([fields]) => (fields as { vm?: string }).vm === id);
  expect(warned).toMatchObject([[{ billedBytes: String(8 * GB) }, expect.stringMatching(/more than is ever billed/)]]);
  warn.mockRestore();
});

it('is billed no further for a VM without a bound, which it has from when traffic was free', async () => {
  const id = await ready();
  await database.query('UPDATE vms SET egress_bytes = NULL WHERE id = $1', [id]);
  await beat(id, 1_000_000);
  await manager.rounds(4, 60_000);
  expect(await traffic()).toMatchObject([{ amountUsd: '0.80' }]);
});

it('costs nothing where it has no price, and has no bound', async () => {
  await manager.close();
  await open({ ...NO_PRICES, egressRateFor: () => ({ nanoPerGb: 0n, row: 'free' }) });
  const id = await ready();
  expect(desk.held).toBe(LIFE);
  // Whatever it makes up, it can be told.
  for (const counter of ['boot-1', 'boot-2']) await beat(id, Number.MAX_SAFE_INTEGER / GB, counter);
  await manager.rounds(3, 60_000);
  const vm = Vm.parse(await vms.get(id));
  expect([vm.state, vm.sentBytes, await traffic()]).toEqual(['ready', Number.MAX_SAFE_INTEGER, []]);
});
