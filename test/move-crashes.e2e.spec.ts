import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Bus } from '@purser/bus';
import {
  componentsAsk,
  componentsMoves,
  componentsOffload,
  componentsRecall,
  type Move,
  vmsList,
} from '@purser/contracts';
import { start as startWatchdog } from '@purser/cost-watchdog';
import { freePort } from '@purser/embedded';
import type { RunningService } from '@purser/service';
import {
  ComputeEngine,
  createTestDatabase,
  eventually,
  startTestNats,
  type TestDatabase,
  type TestNats,
} from '@purser/testing';
import { Config as AgentConfig, runAgent } from '@purser/vm-agent';

jest.setTimeout(900_000);

const MAIN = join(__dirname, '..', 'apps', 'offload-manager', 'dist', 'main.js');
const PRICES = join(__dirname, '..', 'config', 'compute-prices.json');
const COMPONENT = 'llm';
const PATIENCE = { timeoutMs: 90_000, everyMs: 50 };
/** A manager that has just started has much to do. */
const BUSY = { timeoutMs: 60_000 };

let folder: string;
let nats: TestNats;
let natsUrl: string;
let test: TestDatabase;
let engine: ComputeEngine;
let watchdog: RunningService;
let bus: Bus;
let port: number;
let manager: ChildProcess | undefined;
let machines: Machines;

/** What runs on the VMs that the platform has: the component and a real agent, until the platform has them no more. */
class Machines {
  private readonly running = new Map<string, () => Promise<void>>();
  private readonly over = new AbortController();
  private readonly following = this.follow();

  async close(): Promise<void> {
    this.over.abort();
    await this.following;
    for (const stop of this.running.values()) await stop();
  }

  private async follow(): Promise<void> {
    while (!this.over.signal.aborted) {
      const there = engine.inventory();
      for (const [name, stop] of this.running) {
        if (there.includes(name)) continue;
        this.running.delete(name);
        await stop();
      }
      for (const name of there) if (!this.running.has(name)) this.running.set(name, await this.begin(name));
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  private async begin(name: string): Promise<() => Promise<void>> {
    const id = name.split('-').at(-1) ?? '';
    const server = createServer((_, response) => response.end(id)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const config = AgentConfig.parse({
      PURSER_VM_ID: id,
      PURSER_VM_COMPONENT: COMPONENT,
      PURSER_NATS_URL: natsUrl,
      PURSER_VM_COMPONENT_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      PURSER_VM_HEARTBEAT_MS: '100',
      PURSER_VM_EXPIRES: String(Math.floor(Date.now() / 1_000) + 3_600),
    });
    const end = new AbortController();
    const agent = runAgent(config, () => undefined, end.signal);
    return async () => {
      end.abort();
      await agent;
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    };
  }
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'purser-moves-'));
  engine = await new ComputeEngine({ bootMs: 100, deleteMs: 100 }).start();
  const guestsFile = join(folder, 'users.conf');
  const everything = { publish: ['>'], subscribe: ['>'] };
  [nats, test, port] = await Promise.all([
    startTestNats({ authorization: { users: [{ user: 'one', password: 'p', permissions: everything }], guestsFile } }),
    createTestDatabase(),
    freePort(),
  ]);
  natsUrl = `nats://one:p@${new URL(nats.url).host}`;
  const put = (name: string, content: object) => writeFile(join(folder, name), JSON.stringify(content));
  await copyFile(PRICES, join(folder, 'compute-prices.json'));
  await put('account.json', engine.serviceAccount());
  await put('budgets.json', { budgets: [{ id: 'vms', period: 'day', limitUsd: '10' }] });
  const gcp = { apiEndpoint: engine.url, credentialsEnv: 'DEMO_ACCOUNT', project: engine.project };
  await put('plugins.json', { plugins: [{ use: '@purser/gcp-compute', config: gcp }] });
  const program = `require('node:http').createServer((_, answer) => answer.end('home')).listen(${port}, '127.0.0.1')`;
  const local = { url: `http://127.0.0.1:${port}`, command: [process.execPath, '-e', program] };
  const component = {
    name: COMPONENT,
    image: 'ghcr.io/demo/llm:1',
    port: 9_000,
    stateless: true,
    memoryMb: 600,
    local,
  };
  await put('components.json', { components: [component], docker: false });
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
  machines = new Machines();
});

afterAll(async () => {
  await kill();
  await machines?.close();
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
      PURSER_VM_AGENT_IMAGE: 'ghcr.io/demo/purser:1',
      GCP_PROJECT_ID: engine.project,
      DEMO_ACCOUNT: join(folder, 'account.json'),
    },
  });
}

async function kill(): Promise<void> {
  if (!manager || manager.exitCode !== null || manager.signalCode !== null) return;
  const over = once(manager, 'exit');
  manager.kill('SIGKILL');
  await over;
}

const answer = async (): Promise<string> => {
  const { status, body } = await bus.call(componentsAsk(COMPONENT), { path: '/' }, { timeoutMs: 2_000 });
  if (status !== 200) throw new Error(`it answers ${status}`);
  return Buffer.from(body, 'base64').toString();
};
const runsAtHome = (): Promise<boolean> =>
  fetch(`http://127.0.0.1:${port}`, { signal: AbortSignal.timeout(2_000) }).then(
    () => true,
    () => false,
  );

async function lastMove(): Promise<Move> {
  const [move] = (await bus.call(componentsMoves, { limit: 1 }, { timeoutMs: 1_000 })).moves;
  if (!move) throw new Error('nothing has moved');
  return move;
}

/** Kills the manager while the move is at that step, which it does not leave without being seen: each takes a turn of its own. */
async function killAt(step: Move['step']): Promise<void> {
  await eventually(async () => expect((await lastMove()).step).toBe(step), { ...PATIENCE, everyMs: 5 });
  await kill();
}

/** It is over, and the component is served from one place: that one is all there is. */
async function settled(): Promise<Move> {
  return eventually(async () => {
    const move = await lastMove();
    expect(['done', 'failed']).toContain(move.step);
    const { vms } = await bus.call(vmsList, {});
    const isHome = (move.direction === 'home') === (move.step === 'done');
    expect(vms.map(({ id }) => id)).toEqual(isHome ? [] : [move.vm]);
    expect(engine.inventory()).toEqual(vms.map(({ name }) => name));
    expect([await answer(), await runsAtHome()]).toEqual(isHome ? ['home', true] : [move.vm, false]);
    return move;
  }, PATIENCE);
}

it('leaves a component served from one place and no VM over, killed at any step of a move there or back', async () => {
  begin();
  await eventually(async () => expect(await answer()).toBe('home'), PATIENCE);
  for (const step of ['starting', 'healthy', 'routed', 'stopping'] as const) {
    await bus.call(componentsOffload, { name: COMPONENT, machineType: 'e2-highmem-4' }, BUSY);
    await killAt(step);
    begin();
    expect([step, await settled()]).toMatchObject([step, { direction: 'to_vm', step: 'done' }]);
    await bus.call(componentsRecall, { name: COMPONENT }, BUSY);
    await killAt(step);
    begin();
    expect([step, await settled()]).toMatchObject([step, { direction: 'home', step: 'done' }]);
  }
});
