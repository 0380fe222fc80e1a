import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Bus, ComponentPlace } from '@purser/bus';
import {
  componentsAsk,
  componentsMoves,
  componentsOffload,
  componentsRecall,
  componentsRequest,
  isPurserError,
  type Move,
} from '@purser/contracts';
import { start as startWatchdog } from '@purser/cost-watchdog';
import type { RunningService } from '@purser/service';
import {
  ComputeEngine,
  createTestDatabase,
  eventually,
  startTestNats,
  type TestDatabase,
  type TestNats,
} from '@purser/testing';
import { SeverableLink } from './severable-link.js';

jest.setTimeout(900_000);

const dist = (app: string) => join(__dirname, '..', 'apps', app, 'dist', 'main.js');
const PRICES = join(__dirname, '..', 'config', 'compute-prices.json');
const COMPONENT = 'llm';
const PATIENCE = { timeoutMs: 90_000, everyMs: 50 };
const REQUEST_MS = 5_000;

let folder: string;
let nats: TestNats;
let natsUrl: string;
let test: TestDatabase;
let engine: ComputeEngine;
let watchdog: RunningService;
let bus: Bus;
let home: Component;
let machines: Machines;
let manager: ChildProcess | undefined;
let managers = 0;

/** Every request that any place was asked, by its own name. */
const done = new Map<string, number>();

interface Component {
  url: string;
  close(): Promise<void>;
}

async function componentAt(place: string): Promise<Component> {
  const server: Server = createServer((request, response) => {
    const id = new URL(request.url ?? '/', 'http://any').searchParams.get('id');
    if (id !== null) done.set(id, (done.get(id) ?? 0) + 1);
    response.end(place);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function kill(process: ChildProcess | undefined): Promise<void> {
  if (!process || process.exitCode !== null || process.signalCode !== null) return;
  const over = once(process, 'exit');
  process.kill('SIGKILL');
  await over;
}

/** What runs on the VMs that the platform has: the component, and a real agent in a process of its own. */
class Machines {
  readonly agents = new Map<string, ChildProcess>();
  private readonly components = new Map<string, Component>();
  private readonly over = new AbortController();
  private readonly following = this.follow();

  async close(): Promise<void> {
    this.over.abort();
    await this.following;
    for (const name of [...this.agents.keys()]) await this.end(name);
  }

  /** The agent of the only VM, while there is one. */
  get agent(): ChildProcess | undefined {
    return [...this.agents.values()][0];
  }

  private async follow(): Promise<void> {
    while (!this.over.signal.aborted) {
      const there = engine.inventory();
      for (const name of [...this.agents.keys()]) if (!there.includes(name)) await this.end(name);
      for (const name of there) if (!this.agents.has(name)) await this.begin(name);
      await pause(50);
    }
  }

  private async begin(name: string): Promise<void> {
    const id = name.split('-').at(-1) ?? '';
    const component = await componentAt(id);
    this.components.set(name, component);
    const agent = spawn(process.execPath, [dist('vm-agent')], {
      stdio: 'ignore',
      env: {
        PATH: process.env.PATH,
        PURSER_VM_ID: id,
        PURSER_VM_COMPONENT: COMPONENT,
        PURSER_NATS_URL: natsUrl,
        PURSER_VM_COMPONENT_URL: component.url,
        PURSER_VM_HEARTBEAT_MS: '100',
        PURSER_VM_EXPIRES: String(Math.floor(Date.now() / 1_000) + 3_600),
      },
    });
    this.agents.set(name, agent);
  }

  private async end(name: string): Promise<void> {
    await kill(this.agents.get(name));
    await this.components.get(name)?.close();
    this.agents.delete(name);
    this.components.delete(name);
  }
}

/** Each with an instance name of its own, as with the pid in it. */
function begin(): void {
  managers += 1;
  manager = spawn(process.execPath, [dist('offload-manager')], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      PATH: process.env.PATH,
      PURSER_NATS_URL: natsUrl,
      PURSER_PUBLIC_NATS_URL: 'tls://nats.example.com:4222',
      PURSER_VM_NATS_USERS_FILE: join(folder, 'users.conf'),
      PURSER_DATABASE_URL: test.url,
      PURSER_HOME: folder,
      PURSER_CONFIG_DIR: folder,
      PURSER_INSTANCE: `manager-${managers}`,
      PURSER_OFFLOAD_PORT: '0',
      PURSER_LOG_LEVEL: 'silent',
      PURSER_VM_SETTLE_SECONDS: '2',
      PURSER_VM_HEARTBEAT_MS: '100',
      ENABLE_AUTO_MIGRATION: 'false',
      PURSER_VM_AGENT_IMAGE: 'ghcr.io/demo/purser:1',
      GCP_PROJECT_ID: engine.project,
      DEMO_ACCOUNT: join(folder, 'account.json'),
    },
  });
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'purser-lost-'));
  engine = await new ComputeEngine({ bootMs: 100, deleteMs: 100 }).start();
  const everything = { publish: ['>'], subscribe: ['>'] };
  const users = [{ user: 'one', password: 'p', permissions: everything }];
  const guestsFile = join(folder, 'users.conf');
  [nats, test, home] = await Promise.all([
    startTestNats({ authorization: { users, guestsFile } }),
    createTestDatabase(),
    componentAt('home'),
  ]);
  natsUrl = `nats://one:p@${new URL(nats.url).host}`;
  const put = (name: string, content: object) => writeFile(join(folder, name), JSON.stringify(content));
  await copyFile(PRICES, join(folder, 'compute-prices.json'));
  await put('account.json', engine.serviceAccount());
  await put('budgets.json', { budgets: [{ id: 'vms', period: 'day', limitUsd: '20' }] });
  const gcp = { apiEndpoint: engine.url, credentialsEnv: 'DEMO_ACCOUNT', project: engine.project };
  await put('plugins.json', { plugins: [{ use: '@purser/gcp-compute', config: gcp }] });
  const component = { name: COMPONENT, image: 'ghcr.io/demo/llm:1', port: 9_000, stateless: true, memoryMb: 600 };
  await put('components.json', { components: [{ ...component, local: { url: home.url } }], docker: false });
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
  await kill(manager);
  await machines?.close();
  await bus?.close();
  await watchdog?.close();
  await home?.close();
  await Promise.all([nats?.stop(), test?.drop(), engine?.stop()]);
  await rm(folder, { recursive: true, force: true });
});

interface Asked {
  id: string;
  method: 'GET' | 'POST';
  answer?: string;
  error?: string;
}

/** Asks all the time, each request once, whatever becomes of it. */
class Callers {
  readonly asked: Asked[] = [];
  private readonly over = new AbortController();
  private readonly all = (['GET', 'GET', 'POST', 'POST'] as const).map((method, n) => this.call(method, n));
  private static count = 0;

  async stop(): Promise<Asked[]> {
    this.over.abort();
    await Promise.all(this.all);
    return this.asked;
  }

  /** That many more are answered from there. */
  async answeredFrom(place: (answer: string) => boolean, more = 10): Promise<void> {
    const before = this.asked.length;
    const there = () => this.asked.slice(before).filter(({ answer }) => answer !== undefined && place(answer));
    await eventually(() => expect(there().length).toBeGreaterThan(more), PATIENCE);
  }

  private async call(method: Asked['method'], n: number): Promise<void> {
    for (let count = 0; !this.over.signal.aborted; count += 1) {
      const id = `${method}-${n}-${count}-${Callers.count++}`;
      const request = { name: COMPONENT, method, path: `/?id=${id}`, timeoutMs: REQUEST_MS };
      const outcome = await bus.call(componentsRequest, request, { timeoutMs: REQUEST_MS + 1_000 }).then(
        ({ status, body }) => ({ answer: `${status === 200 ? '' : status}${Buffer.from(body, 'base64').toString()}` }),
        (error: unknown) => ({ error: isPurserError(error) ? error.code : String(error) }),
      );
      this.asked.push({ id, method, ...outcome });
      await pause(20);
    }
  }
}

async function lastMove(): Promise<Move> {
  const [move] = (await bus.call(componentsMoves, { limit: 1 }, { timeoutMs: 1_000 })).moves;
  if (!move) throw new Error('nothing has moved');
  return move;
}

const STEPS: Move['step'][] = ['starting', 'healthy', 'routed', 'stopping', 'done'];
/** Or past it already, on a busy machine. */
const at = (step: Move['step']) =>
  eventually(async () => expect(STEPS.indexOf((await lastMove()).step)).toBeGreaterThanOrEqual(STEPS.indexOf(step)), {
    ...PATIENCE,
    everyMs: 5,
  });

const isHome = (answer: string) => answer === 'home';
const isAway = (answer: string) => answer !== 'home';

/** None is done twice; whoever was answered had it done; and who was not heard whether it may have been. */
function expectNoneLost(asked: readonly Asked[]): void {
  const wrong = asked.filter(({ id, method, answer, error }) => {
    const times = done.get(id) ?? 0;
    if (answer !== undefined) return times === 0 || (method === 'POST' && times > 1) || answer === '';
    if (error === 'timeout') return method === 'POST' && times > 1;
    return error !== 'unavailable' || times > 0;
  });
  expect(wrong.map((one) => ({ ...one, times: done.get(one.id) ?? 0 }))).toEqual([]);
}

/** Out and home again, with something going wrong at that step of either way. */
async function roundTrip(step: Move['step'], wrong: () => Promise<void>): Promise<void> {
  const callers = new Callers();
  await callers.answeredFrom(isHome);
  await bus.call(componentsOffload, { name: COMPONENT, machineType: 'e2-highmem-4' }, { timeoutMs: 60_000 });
  await at(step);
  await wrong();
  await callers.answeredFrom(isAway);
  await at('done');
  await callers.answeredFrom(isAway);
  await bus.call(componentsRecall, { name: COMPONENT }, { timeoutMs: 60_000 });
  await at(step);
  await wrong();
  await at('done');
  await callers.answeredFrom(isHome);
  expectNoneLost(await callers.stop());
}

beforeEach(begin);
afterEach(() => kill(manager));

it.each(['healthy', 'routed', 'stopping'] as const)(
  'loses no request when the bus starts anew while a component moves (%s)',
  (step) => roundTrip(step, () => nats.restart()),
);

it.each(['routed', 'stopping'] as const)(
  'loses no request when the manager is killed while a component moves (%s), and another one goes on at once',
  (step) =>
    roundTrip(step, async () => {
      await kill(manager);
      begin();
    }),
);

it('loses no request when the agent of a VM is stalled as soon as requests go there, nor when it goes home', async () => {
  await roundTrip('routed', async () => {
    const { agent } = machines;
    const before = done.size;
    agent?.kill('SIGSTOP');
    // While it has some of them, others are answered.
    await eventually(() => expect(done.size).toBeGreaterThan(before + 2), PATIENCE).finally(() =>
      agent?.kill('SIGCONT'),
    );
  });
});

it('answers what a place was asked before its connection was cut, once it is mended', async () => {
  const link = await SeverableLink.to(nats.port);
  const far = await Bus.connect({ url: link.through(natsUrl), service: 'vm-agent', instance: 'far' });
  let release = (): void => undefined;
  const server = createServer((_, response) => void (release = () => response.end('late'))).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const place = new ComponentPlace(far, { component: 'far', url, timeoutMs: 60_000, report: () => undefined });
  await place.open();
  const answer = bus.call(componentsAsk('far'), { path: '/' }, { timeoutMs: 60_000 });
  await once(server, 'request');
  link.sever();
  await eventually(() => expect(far.connected).toBe(false), PATIENCE);
  release();
  link.mend();
  expect(Buffer.from((await answer).body, 'base64').toString()).toBe('late');
  await place.close();
  await far.close();
  await link.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});
