import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Bus } from '@purser/bus';
import {
  budgetsList,
  budgetsSet,
  emergencyReset,
  emergencyStatus,
  emergencyTrigger,
  ledgerQuery,
  vmsDelete,
  vmsGet,
  vmsHeartbeat,
} from '@purser/contracts';
import { start as startWatchdog } from '@purser/cost-watchdog';
import { start as startManager } from '@purser/offload-manager';
import { type RunningService, systemClock } from '@purser/service';
import { createTestDatabase, eventually, startTestNats, type TestDatabase, type TestNats } from '@purser/testing';
import { ScriptedPlatform } from '../apps/offload-manager/src/scripted-platform.fixture.js';
import { ActiveDriver } from '../apps/offload-manager/src/vms/active-driver.js';
import { VmsService } from '../apps/offload-manager/src/vms/vms.service.js';

jest.setTimeout(180_000);

const WISH = {
  component: 'llm',
  machineType: 'small',
  spot: false,
  memoryMb: 1_024,
  diskGb: 0,
  startup: { component: { image: 'llm:1', command: [], env: {} }, agent: { image: 'agent:1', env: {} } },
};
/** 0.12 an hour for 2.5 hours, and twice the 2 GB that it may send, at 0.12. */
const WORST = '0.78';
const PATIENCE = { timeoutMs: 30_000 };

let folder: string;
let nats: TestNats;
let database: TestDatabase;
let services: RunningService[] = [];
let bus: Bus;
let vms: VmsService;
const platform = new ScriptedPlatform(systemClock);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'purser-vms-'));
  const guestsFile = join(folder, 'users.conf');
  const everything = { publish: ['>'], subscribe: ['>'] };
  [nats, database] = await Promise.all([
    startTestNats({ authorization: { users: [{ user: 'one', password: 'p', permissions: everything }], guestsFile } }),
    createTestDatabase(),
  ]);
  const put = (name: string, content: object) => writeFile(join(folder, name), JSON.stringify(content));
  await put('budgets.json', { budgets: [{ id: 'day', period: 'day', limitUsd: '10' }] });
  const component = { name: 'llm', image: 'llm:1', port: 9_000, stateless: true, local: { url: 'http://127.0.0.1:9' } };
  await put('components.json', { components: [component], docker: false });
  const host = new URL(nats.url).host;
  const env = {
    PURSER_NATS_URL: `nats://one:p@${host}`,
    PURSER_DATABASE_URL: database.url,
    PURSER_HOME: folder,
    PURSER_CONFIG_DIR: folder,
    PURSER_LOG_LEVEL: 'silent',
  };
  services = [await startWatchdog({ ...env, PURSER_INSTANCE: 'watchdog', PURSER_WATCHDOG_PORT: '0' })];
  const manager = await startManager({
    ...env,
    // Its price is that of the settings.
    GCP_VM_TYPE: 'small',
    PURSER_INSTANCE: 'manager',
    PURSER_OFFLOAD_PORT: '0',
    PURSER_PUBLIC_NATS_URL: `nats://${host}`,
    PURSER_VM_NATS_USERS_FILE: guestsFile,
    ENABLE_AUTO_MIGRATION: 'false',
  });
  services.unshift(manager);
  manager.app.get(ActiveDriver, { strict: false }).use([platform.driver()], platform.driver(), 'a spec');
  vms = manager.app.get(VmsService, { strict: false });
  bus = await Bus.connect({ url: env.PURSER_NATS_URL, service: 'cli', instance: 'spec' });
});

afterAll(async () => {
  await bus?.close();
  for (const service of services) await service.close();
  await Promise.all([nats?.stop(), database?.drop()]);
  await rm(folder, { recursive: true, force: true });
});

const day = async () => {
  const { budgets } = await bus.call(budgetsList, {});
  return budgets.find(({ id }) => id === 'day');
};
const running = (id: string) =>
  eventually(
    async () => expect(await bus.call(vmsGet, { id })).toMatchObject({ createdAt: expect.any(String) as string }),
    PATIENCE,
  );
const gone = (id: string) =>
  eventually(async () => expect(await bus.call(vmsGet, { id })).toMatchObject({ state: 'gone' }), PATIENCE);

it('holds the whole life of a VM in the budgets, settles what it cost, and gives back the rest', async () => {
  const { id, name } = await vms.request(WISH);
  expect((await day())?.window).toMatchObject({ leasedUsd: WORST, settledUsd: '0.00' });
  await running(id);
  const beat = { vm: id, component: 'llm', healthy: true, serving: false, inFlight: 0, memoryMb: null };
  await bus.call(vmsHeartbeat, beat);
  expect(await bus.call(vmsGet, { id })).toMatchObject({ state: 'ready', heldUsd: WORST });
  await bus.call(vmsDelete, { id });
  await gone(id);
  // A minute at least is billed: 0.12 an hour by the setting.
  await eventually(async () => {
    expect((await day())?.window).toMatchObject({ leasedUsd: '0.00', presumedUsd: '0.00', settledUsd: '0.0020' });
  }, PATIENCE);
  const { entries } = await bus.call(ledgerQuery, { provider: 'fake' });
  expect(entries).toMatchObject([
    { gateway: name, callId: id, capability: 'compute', model: 'small', amountUsd: '0.0020' },
  ]);
  expect(platform.inventory()).toEqual([]);
});

it('is refused by a budget that does not cover it, and holds nothing of it', async () => {
  await bus.call(budgetsSet, { id: 'day', period: 'day', limitUsd: '0.25' });
  await expect(vms.request(WISH)).rejects.toMatchObject({ code: 'budget_exhausted', details: { budget: 'day' } });
  expect((await day())?.window).toMatchObject({ leasedUsd: '0.00' });
  await bus.call(budgetsSet, { id: 'day', period: 'day', limitUsd: '10' });
});

it('is deleted in an emergency, which the acknowledgement says, and none is made before a reset', async () => {
  const { id, name } = await vms.request(WISH);
  await running(id);
  await bus.call(emergencyTrigger, { by: 'ada', reason: 'a drill' });
  await eventually(async () => {
    const { acknowledgements } = await bus.call(emergencyStatus, {});
    const mine = acknowledgements.find(({ service }) => service === 'offload-manager');
    expect(mine?.stopped).toEqual([`vm ${name} (fake zone-a)`]);
  }, PATIENCE);
  expect(platform.inventory()).toEqual([]);
  await gone(id);
  await expect(vms.request(WISH)).rejects.toMatchObject({ code: 'emergency' });
  await bus.call(emergencyReset, { by: 'ada', reason: 'it is over' });
  await eventually(() => vms.request(WISH), PATIENCE);
});
