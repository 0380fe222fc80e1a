import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Database } from '@purser/database';
import { NANO_PER_USD, parseUsd } from '@purser/money';
import { type Log, parseConfig } from '@purser/service';
import { ComputeEngine, createTestDatabase, type TestDatabase } from '@purser/testing';
import { Config } from '../config.js';
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
import { loadComputePrices } from '../prices/compute-prices-file.js';
import { Prices } from '../prices/prices.js';
import { ActiveDriver } from './active-driver.js';
import { loadDrivers } from './load-drivers.js';
import type { VmCredentials } from './vm-credentials.js';
import { VmRecords } from './vm-records.js';
import { VmsService } from './vms.service.js';

/** The whole life of VMs over Google's own SDK, told by the fake's inventory and by its bill, and not by the manager's rows. */
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const startup = { ...WISH.startup, agent: { image: 'ghcr.io/demo/purser:1', env: {} } };
const wish = { ...WISH, machineType: 'e2-highmem-4', diskGb: 20, startup };

let test: TestDatabase;
let database: Database;
let folder: string;
let prices: Prices;
let clock: HandClock;
let engine: ComputeEngine;
let desk: DeskFake;
let manager: TestManager;
let vms: VmsService;

/** Another password at each asking, as they are not kept. */
const credentials: VmCredentials = {
  check: () => Promise.resolve(),
  issue: () => Promise.resolve({ NATS_PASSWORD: randomUUID() }),
  revoke: () => Promise.resolve(),
};

const quiet = () => undefined;
const log: Log = { debug: quiet, info: quiet, warn: quiet, error: quiet, child: () => log };

/** A life of the manager, with its driver as plugins.json has it. */
const open = async (more: Record<string, string> = {}): Promise<void> => {
  const env = { MAX_VM_LIFETIME_HOURS: '4', GCP_PROJECT_ID: 'demo-project', ...more };
  manager = await openManager({ database, clock, desk, env, prices, credentials, drivers: () => [] });
  vms = manager.get(VmsService);
  const surroundings = {
    ...env,
    PURSER_CONFIG_DIR: folder,
    PURSER_NATS_URL: 'nats://127.0.0.1:1',
    PURSER_DATABASE_URL: 'postgres://127.0.0.1:1/none',
    PURSER_PUBLIC_NATS_URL: 'tls://nats.example.com:4222',
    PURSER_VM_AGENT_IMAGE: 'ghcr.io/demo/purser:1',
    DEMO_ACCOUNT: join(folder, 'account.json'),
  };
  const config = parseConfig(Config, surroundings);
  const { signal } = new AbortController();
  await loadDrivers(manager.get(ActiveDriver), { config, env: surroundings, log, signal });
};

/** By the price file, as Google would charge it. */
const perHour = (machineType: string, spot: boolean): bigint =>
  prices.rateFor('gcp', machineType, spot, 'us-central1-a')?.nanoPerHour ?? 0n;

beforeAll(async () => {
  test = await createTestDatabase({ template: OFFLOAD_TEMPLATE });
  database = await openOffload(test.url);
  folder = await mkdtemp(join(tmpdir(), 'purser-gce-'));
  prices = new Prices(await loadComputePrices(join(__dirname, '../../../../config')), { warn: () => undefined });
}, 60_000);

beforeEach(async () => {
  await database.query('TRUNCATE vms, strays, bad_zones, outbox');
  clock = new HandClock();
  const rates = { vmPerHour: perHour, diskPerGbMonth: parseUsd('0.10'), addressPerHour: 0n };
  const now = () => clock.now().getTime();
  engine = await new ComputeEngine({ now, bootMs: 0, deleteMs: 0, rates }).start();
  await writeFile(join(folder, 'account.json'), JSON.stringify(engine.serviceAccount()));
  const config = { apiEndpoint: engine.url, credentialsEnv: 'DEMO_ACCOUNT' };
  await writeFile(join(folder, 'plugins.json'), JSON.stringify({ plugins: [{ use: '@purser/gcp-compute', config }] }));
  desk = new DeskFake(100n * NANO_PER_USD);
  await open();
});

afterEach(async () => {
  await manager.close();
  await engine.stop();
});

afterAll(async () => {
  await database?.close();
  await test?.drop();
  await rm(folder, { recursive: true, force: true });
});

/** Nothing is there, nothing is held beyond what was spent, and the ledger has what Google's bill has. */
async function expectClean(): Promise<void> {
  expect(engine.inventory()).toEqual([]);
  const [spend, bill] = [await spendOf(database), engine.bill()];
  expect(Number(spend - bill)).toBeGreaterThanOrEqual(0);
  expect(Number(spend - bill)).toBeLessThanOrEqual(Number(bill) / 100);
  expect(desk.held).toBe(spend);
  expect((await vms.list()).filter(({ state }) => state !== 'gone')).toEqual([]);
}

/** Lives for two hours, and is let go. */
async function liveAndEnd(id: string): Promise<void> {
  await manager.rounds(8, 30_000);
  expect(await vms.get(id)).toMatchObject({ state: 'ready' });
  await manager.rounds(120, MINUTE);
  await vms.remove(id, 'no longer needed');
  await manager.rounds(8, 15_000);
  await expectClean();
}

it('is made, lives, is deleted, and costs what Google bills', async () => {
  const { id, name } = await vms.request(wish);
  await manager.rounds(2, 2_000);
  expect(engine.inventory()).toEqual([name]);
  await liveAndEnd(id);
  expect(engine.bill()).toBeGreaterThan(perHour('e2-highmem-4', true) * 2n);
}, 60_000);

it.each([
  [{}, ['us-central1-a', 'us-central1-b', 'us-central1-c']],
  [{ GCP_REGION: 'europe-west1' }, ['europe-west1-b']],
  [{ GCP_ZONE: 'europe-west1-b' }, ['europe-west1-b']],
  [{ GCP_REGION: 'us-central1', GCP_ZONE: 'us-central1-c' }, ['us-central1-c', 'us-central1-a', 'us-central1-b']],
])('tries the zones of one region alone with %j', async (settings, zones) => {
  await manager.close();
  await open(settings);
  const { signal } = new AbortController();
  expect(await manager.get(ActiveDriver).get()?.zones({ signal })).toEqual(zones);
});

it('has no driver with a zone outside its region, and says so', async () => {
  await manager.close();
  await open({ GCP_REGION: 'europe-west1', GCP_ZONE: 'us-central1-a' });
  expect(manager.get(ActiveDriver).get()).toBeUndefined();
  expect(manager.get(ActiveDriver).why).toContain('us-central1-a is not in europe-west1');
});

it('asks for a VM whose operation may not be looked at, and does not take it for refused', async () => {
  const { id, name } = await vms.request(wish);
  // The right is taken away when it was checked already.
  engine.denied.add('compute.zoneOperations.get');
  engine.slow.bootMs = 1_000;
  await manager.rounds(2, 2_000);
  expect([engine.inventory(), (await vms.get(id)).state]).toEqual([[name], 'creating']);
  expect(desk.held).toBeGreaterThan(0n);
  engine.steady();
  await liveAndEnd(id);
}, 120_000);

describe('leaves no VM behind, and pays for each, after', () => {
  const lost = ['lost-after', 'lost-before', '503-after'] as const;
  it.each(lost)(
    'a request for it that ends in %s, again and again',
    async (fault) => {
      engine.meet('instances.insert', fault, 6);
      await liveAndEnd((await vms.request(wish)).id);
    },
    120_000,
  );

  it('a request for it of which nobody hears, by a manager that then dies', async () => {
    engine.meet('instances.insert', 'lost-after', 4);
    const { id, name } = await vms.request(wish);
    await manager.rounds(2, 2_000);
    expect(engine.inventory()).toEqual([name]);
    await manager.close();
    await open();
    // It asks again by another password, so that Google says that there is one by that name.
    await liveAndEnd(id);
  }, 120_000);

  it('a deletion that is cut off, again and again', async () => {
    const { id } = await vms.request(wish);
    await manager.rounds(4, 30_000);
    engine.meet('instances.delete', 'lost-before', 5);
    engine.meet('instances.delete', 'lost-after');
    await manager.rounds(120, MINUTE);
    await vms.remove(id, 'no longer needed');
    await manager.rounds(10, 15_000);
    await expectClean();
  }, 120_000);

  it('errors of Google’s at every question for a while', async () => {
    const { id } = await vms.request(wish);
    engine.meet('*.*', { status: 500, reason: 'backendError', message: 'try again' }, 9);
    await liveAndEnd(id);
  }, 120_000);

  it('a zone that has none: it is made in the next one', async () => {
    engine.stockouts.add('us-central1-a');
    const { id } = await vms.request(wish);
    await manager.rounds(4, 5_000);
    expect((await vms.get(id)).zone).toBe('us-central1-b');
    await liveAndEnd(id);
  }, 60_000);

  it.each(['stockout', 'quota'])(
    'a %s everywhere: there is none, and it costs nothing',
    async (kind) => {
      if (kind === 'quota') engine.quotaFull = true;
      else for (const zone of ['us-central1-a', 'us-central1-b', 'us-central1-c']) engine.stockouts.add(zone);
      const { id } = await vms.request(wish);
      await manager.rounds(12, 30_000);
      expect(await vms.get(id)).toMatchObject({ state: 'gone', reason: expect.stringContaining(kind) as string });
      await expectClean();
      expect(engine.bill()).toBe(0n);
    },
    60_000,
  );

  it('a preemption', async () => {
    const { id, name } = await vms.request(wish);
    await manager.rounds(125, MINUTE);
    engine.preempt(name, 30_000);
    await manager.rounds(6, 15_000);
    expect(await vms.get(id)).toMatchObject({ state: 'gone', reason: 'the platform took it away' });
    await expectClean();
  }, 60_000);

  it('the longest time, which Google keeps while no manager runs', async () => {
    await vms.request({ ...wish, spot: false });
    await manager.rounds(10, MINUTE);
    await manager.close();
    clock.advance(4 * HOUR);
    expect(engine.inventory()).toEqual([]);
    await open();
    await manager.rounds(6, 15_000);
    expect(engine.inventory()).toEqual([]);
    expect((await vms.list({ all: true })).map(({ state }) => state)).toEqual(['gone']);
    const [spend, bill] = [await spendOf(database), engine.bill()];
    expect(spend).toBeGreaterThanOrEqual(bill);
    expect(spend).toBeLessThanOrEqual((bill * 101n) / 100n);
  }, 60_000);

  it('lists that hear of everything minutes later', async () => {
    engine.listsLagMs = 5 * MINUTE;
    await liveAndEnd((await vms.request(wish)).id);
    await manager.rounds(12, MINUTE);
    await expectClean();
  }, 120_000);

  it('a manager that lost its record: VM, disk and address that carry the label', async () => {
    const labels = { 'purser-installation': await manager.get(VmRecords).installation() };
    const { id } = await vms.request(wish);
    await manager.rounds(4, 30_000);
    await database.query('DELETE FROM vms WHERE id = $1', [id]);
    const disk = { name: 'left', zone: 'europe-west1-b', labels, sizeGb: 50, user: undefined, autoDelete: false };
    engine.estate.addDisk(disk);
    engine.estate.addAddress({ name: 'kept', region: 'us-central1', labels });
    await manager.rounds(40, 30_000);
    expect(engine.inventory()).toEqual([]);
  }, 60_000);
});
