import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Bus } from '@purser/bus';
import { ledgerQuery, type Vm, vmsDelete, vmsGet, vmsHeartbeat, vmsList } from '@purser/contracts';
import { start as startWatchdog } from '@purser/cost-watchdog';
import { Database } from '@purser/database';
import { parseUsd } from '@purser/money';
import type { RunningService } from '@purser/service';
import {
  ComputeEngine,
  createTestDatabase,
  eventually,
  startTestNats,
  type TestDatabase,
  type TestNats,
} from '@purser/testing';

jest.setTimeout(600_000);

/** Google's own client in a manager of its own, that is killed at one request after the other. */
const MAIN = join(__dirname, '..', 'apps', 'offload-manager', 'dist', 'main.js');
const PRICES = join(__dirname, '..', 'config', 'compute-prices.json');
const COMPONENT = 'llm';
/** Beside these there are those of the reaper and of whoever looks for a machine type. */
const OF_ONE_VM = /^(instances\.(insert|get|delete)|operations\.)/;
/** At the price row, with the disk: $0.0751 an hour. */
const MINUTE_NANO = 1_260_000;
const PATIENCE = { timeoutMs: 60_000 };

let folder: string;
let nats: TestNats;
let natsUrl: string;
let test: TestDatabase;
let database: Database;
let engine: ComputeEngine;
let watchdog: RunningService;
let bus: Bus;
let manager: ChildProcess | undefined;
/** The manager is killed when so many more requests have come; Infinity for never. */
let killAfter = Infinity;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'purser-vms-'));
  engine = await new ComputeEngine({ bootMs: 300, deleteMs: 300 }).start();
  const guestsFile = join(folder, 'users.conf');
  const everything = { publish: ['>'], subscribe: ['>'] };
  [nats, test] = await Promise.all([
    startTestNats({ authorization: { users: [{ user: 'one', password: 'p', permissions: everything }], guestsFile } }),
    createTestDatabase(),
  ]);
  natsUrl = `nats://one:p@${new URL(nats.url).host}`;
  const put = (name: string, content: object) => writeFile(join(folder, name), JSON.stringify(content));
  await copyFile(PRICES, join(folder, 'compute-prices.json'));
  await put('account.json', engine.serviceAccount());
  await put('budgets.json', { budgets: [{ id: 'vms', period: 'day', limitUsd: '10' }] });
  const gcp = { apiEndpoint: engine.url, credentialsEnv: 'DEMO_ACCOUNT', project: engine.project };
  await put('plugins.json', { plugins: [{ use: '@purser/gcp-compute', config: gcp }] });
  const component = { name: COMPONENT, image: 'ghcr.io/demo/llm:1', port: 9_000, stateless: true };
  await put('components.json', { components: [{ ...component, local: { url: 'http://127.0.0.1:9' } }], docker: false });
  watchdog = await startWatchdog({
    PURSER_NATS_URL: natsUrl,
    PURSER_DATABASE_URL: test.url,
    PURSER_HOME: folder,
    PURSER_CONFIG_DIR: folder,
    PURSER_INSTANCE: 'watchdog',
    PURSER_WATCHDOG_PORT: '0',
    PURSER_LOG_LEVEL: 'silent',
  });
  bus = await Bus.connect({ url: natsUrl, service: 'cli', instance: 'spec' });
  const push = engine.asked.push.bind(engine.asked);
  engine.asked.push = (...asked) => {
    if (asked.some(({ call }) => OF_ONE_VM.test(call))) killAfter -= 1;
    if (killAfter === 0) manager?.kill('SIGKILL');
    return push(...asked);
  };
});

afterAll(async () => {
  await end();
  await database?.close();
  await bus?.close();
  await watchdog?.close();
  await Promise.all([nats?.stop(), test?.drop(), engine?.stop()]);
  await rm(folder, { recursive: true, force: true });
});

function begin(): void {
  manager = spawn(process.execPath, [MAIN], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      PATH: process.env.PATH,
      PURSER_NATS_URL: natsUrl,
      PURSER_PUBLIC_NATS_URL: 'tls://nats.example.com:4222',
      PURSER_VM_NATS_USERS_FILE: join(folder, 'users.conf'),
      PURSER_DATABASE_URL: test.url,
      PURSER_HOME: folder,
      PURSER_CONFIG_DIR: folder,
      PURSER_INSTANCE: 'manager',
      PURSER_OFFLOAD_PORT: '0',
      PURSER_LOG_LEVEL: 'silent',
      PURSER_VM_SETTLE_SECONDS: '2',
      ENABLE_AUTO_MIGRATION: 'false',
      GCP_PROJECT_ID: engine.project,
      DEMO_ACCOUNT: join(folder, 'account.json'),
    },
  });
}

async function end(): Promise<void> {
  if (!manager || manager.exitCode !== null || manager.signalCode !== null) return;
  const over = once(manager, 'exit');
  manager.kill('SIGKILL');
  await over;
}

/** Resolves when the manager that was to die at that request has died, and another one has taken its place. */
async function dieAt(request: number, doing: () => Promise<unknown>): Promise<void> {
  const over = manager && once(manager, 'exit');
  killAfter = request;
  await doing();
  await over;
  killAfter = Infinity;
  begin();
}

/** As it is written down before anything is called. */
async function intend(): Promise<string> {
  const id = randomBytes(6).toString('hex');
  const startup = {
    component: { image: 'ghcr.io/demo/llm:1', command: [], env: {} },
    agent: { image: 'ghcr.io/demo/purser:1', env: {} },
  };
  await database.query(
    `INSERT INTO vms (id, name, request_id, provider, machine_type, spot, memory_mb, disk_gb, component, startup, state,
       reason, requested_at, since, expires_at, lease)
     SELECT $1, 'purser-' || left(i.id::text, 8) || '-' || $1, $2, 'gcp', 'e2-highmem-4', true, 1024, 20, $3, $4,
            'requested', 'a spec', now(), now(), now() + interval '2 hours', 'held' FROM installation i`,
    [id, randomUUID(), COMPONENT, JSON.stringify(startup)],
  );
  return id;
}

const vm = (id: string): Promise<Vm> => bus.call(vmsGet, { id });
const until = (id: string, what: (vm: Vm) => boolean) =>
  eventually(async () => {
    const seen = await vm(id);
    if (!what(seen)) throw new Error(`it is ${seen.state}: ${seen.reason}`);
    return seen;
  }, PATIENCE);

it('leaves no VM behind, killed at any request of its creation or its deletion', async () => {
  begin();
  await eventually(() => bus.call(vmsList, {}), PATIENCE);
  database = await Database.connect({ url: test.url, schema: 'offload', applicationName: 'spec' });
  for (const request of [1, 2, 3, 4]) {
    let id = '';
    await dieAt(request, async () => (id = await intend()));
    const { name } = await until(id, ({ createdAt }) => createdAt !== null);
    expect(engine.inventory()).toEqual([name]);
    const beat = { vm: id, component: COMPONENT, healthy: true, serving: false, inFlight: 0, memoryMb: null };
    await bus.call(vmsHeartbeat, beat);
    expect((await vm(id)).state).toBe('ready');

    await dieAt(request, () => bus.call(vmsDelete, { id, by: 'spec' }));
    await until(id, ({ state }) => state === 'gone');
    expect(engine.inventory()).toEqual([]);
  }
  // Google bills a minute at least, which this platform's own bill leaves out.
  const told = await eventually(async () => {
    const { entries } = await bus.call(ledgerQuery, { provider: 'gcp', limit: 1_000 });
    const sum = entries.reduce((nano, { amountUsd }) => nano + parseUsd(amountUsd), 0n);
    expect(new Set(entries.map(({ callId }) => callId)).size).toBe(4);
    return sum;
  }, PATIENCE);
  const billed = engine.bill();
  expect(Number(told)).toBeGreaterThanOrEqual(Number(billed) * 0.99);
  expect(Number(told)).toBeLessThanOrEqual(Number(billed) * 1.01 + 4 * MINUTE_NANO);
  expect(engine.asked.filter(({ call }) => call === 'instances.insert').length).toBeGreaterThanOrEqual(4);
});
