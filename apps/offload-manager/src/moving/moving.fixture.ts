import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { Bus } from '@purser/bus';
import { componentsAsk, PurserError, servedOn, VmHeartbeat, vmsHeartbeat } from '@purser/contracts';
import { CreateOutbox1700000000000, Database } from '@purser/database';
import { createLog, Outbox, systemClock } from '@purser/service';
import { createTestDatabase, startTestNats, type TestDatabase, type TestNats } from '@purser/testing';
// eslint-disable-next-line @nx/enforce-module-boundaries -- in a spec, what is at the other end of the bus is the real one
import { Config as AgentConfig, runAgent } from '@purser/vm-agent';
import { AgentsRepository } from '../agents/agents.repository.js';
import { AgentsService } from '../agents/agents.service.js';
import { Config } from '../config.js';
import { Endpoints } from '../endpoints/endpoints.service.js';
import { LocalPlaces } from '../endpoints/local-places.service.js';
import { PlacesRepository } from '../endpoints/places.repository.js';
import { TrafficRepository } from '../money/traffic.repository.js';
import { MIGRATIONS } from '../migrations/index.js';
import { HomeSteps } from './home-steps.service.js';
import { LocalChildrenRepository } from './local-children.repository.js';
import { LocalComponents } from './local-components.js';
import type { Movable, Movables } from './movables.js';
import { Mover } from './mover.service.js';
import { MoveRecords } from './move-records.js';
import { MovesRepository } from './moves.repository.js';
import { Moves } from './moves.service.js';
import { OutSteps } from './out-steps.service.js';
import { Returns } from './returns.service.js';
import type { VmLife, VmSeen, VmWish } from './vm-life.js';

/** A component that answers with where it runs, as soon as `until` says so. */
export async function componentAt(
  place: string,
  until: () => Promise<unknown> = () => pause(2),
): Promise<{ url: string; close(): Promise<void> }> {
  const server: Server = createServer((_, response) => void until().then(() => response.end(place))).listen(
    0,
    '127.0.0.1',
  );
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** VMs without a platform: a component and a real agent for each, on this machine. */
export class ScriptedVms implements VmLife {
  readonly all = new Map<string, VmSeen & { stop: () => Promise<void>; breakDown: () => Promise<void> }>();
  /** Whether their components come up. */
  healthy = true;
  private count = 0;

  constructor(private readonly natsUrl: string) {}

  get alive(): string[] {
    return [...this.all.values()].filter(({ state }) => state !== 'gone').map(({ id }) => id);
  }

  async request({ component }: VmWish): Promise<VmSeen> {
    const id = `vm-${++this.count}`;
    const server = await componentAt(id);
    const over = new AbortController();
    const config = AgentConfig.parse({
      PURSER_VM_ID: id,
      PURSER_VM_COMPONENT: component,
      PURSER_NATS_URL: `nats://vm:password@${new URL(this.natsUrl).host}`,
      PURSER_VM_COMPONENT_URL: this.healthy ? server.url : 'http://127.0.0.1:1',
      PURSER_VM_HEARTBEAT_MS: '50',
      PURSER_VM_EXPIRES: String(Math.floor(Date.now() / 1_000) + 600),
    });
    const agent = runAgent(config, () => undefined, over.signal);
    const stop = async () => {
      over.abort();
      await agent;
      await server.close();
    };
    const breakDown = () => server.close();
    const vm = { id, component, state: 'creating' as const, reason: 'wanted', stop, breakDown };
    this.all.set(id, vm);
    return vm;
  }

  get(id: string): Promise<VmSeen> {
    const vm = this.all.get(id);
    return vm ? Promise.resolve(vm) : Promise.reject(new PurserError('not_found', { message: `no VM ${id}` }));
  }

  list({ component }: { component: string }): Promise<VmSeen[]> {
    return Promise.resolve([...this.all.values()].filter((vm) => vm.component === component));
  }

  async remove(id: string, reason: string): Promise<void> {
    const vm = this.all.get(id);
    if (!vm || vm.state === 'gone') return;
    Object.assign(vm, { state: 'gone', reason });
    await vm.stop();
  }

  async agentHeard(id: string, _: Date, healthy: boolean): Promise<VmSeen> {
    const vm = await this.get(id);
    if (vm.state === 'creating' && healthy) vm.state = 'ready';
    return vm;
  }

  async drain(id: string, reason: string): Promise<void> {
    Object.assign(await this.get(id), { state: 'draining', reason });
  }

  /** Its component dies, and its agent lives on. */
  async breakDown(id: string): Promise<void> {
    await this.all.get(id)?.breakDown();
  }

  async preempted(id: string, at: Date): Promise<void> {
    Object.assign(await this.get(id), { state: 'draining', reason: `it is taken away at ${at.toISOString()}` });
  }

  async close(): Promise<void> {
    for (const id of this.alive) await this.remove(id, 'the spec is over');
  }
}

export interface Servers {
  nats: TestNats;
  test: TestDatabase;
  database: Database;
  bus: Bus;
  /** Whether managers hear of changes. */
  hears: boolean;
  close(): Promise<void>;
}

/** Whether managers hear of changes, as the service does, or ask each time, as behind a pooler. */
export const hearing = { changes: false };

export async function startServers(): Promise<Servers> {
  const nats = await startTestNats();
  const test = await createTestDatabase();
  const database = await Database.open({
    url: test.url,
    schema: 'offload',
    migrations: [CreateOutbox1700000000000, ...MIGRATIONS],
    applicationName: 'moving spec',
    hearsChanges: hearing.changes,
  });
  const bus = await Bus.connect({ url: nats.url, service: 'offload-manager', instance: 'one' });
  await bus.ensureStreams();
  return {
    nats,
    test,
    database,
    bus,
    hears: hearing.changes,
    close: async () => {
      await bus.close();
      await database.close();
      await test.drop();
      await nats.stop();
    },
  };
}

/** Something that may be cut off, as by a crash, at any call. */
export type Cut = <T extends object>(part: T) => T;
const whole: Cut = (part) => part;

/** One offload-manager's part in moving. */
export function managerOf(
  servers: Servers,
  vms: VmLife,
  components: readonly Movable[],
  {
    instance = 'one',
    extra = {},
    cut = whole,
    database = servers.database,
  }: { instance?: string; extra?: object; cut?: Cut; database?: Database } = {},
) {
  const { bus, nats, test } = servers;
  const log = createLog({ service: 'offload-manager', instance, level: 'silent', format: 'json' });
  const config = Config.parse({
    PURSER_NATS_URL: nats.url,
    PURSER_DATABASE_URL: test.url,
    PURSER_INSTANCE: instance,
    ...extra,
  });
  const movables: Movables = {
    get: (name) => components.find((one) => one.name === name),
    list: () => components,
    searched: () => true,
    whyItStays: (name) => (components.some((one) => one.name === name) ? undefined : 'it is not there'),
  };
  const rows = new PlacesRepository(database);
  const places = new LocalPlaces(rows, bus, log, config, movables);
  const endpoints = new Endpoints(rows, bus, movables);
  const agents = new AgentsRepository(database);
  const locals = new LocalComponents(log, new LocalChildrenRepository(database, config), undefined);
  const repository = new MovesRepository(database);
  const moves = new Moves(repository, rows, config, movables);
  const out = new OutSteps(cut(repository), cut(agents), cut(endpoints), cut(locals), config, cut(vms));
  const home = new HomeSteps(cut(agents), cut(endpoints), cut(locals), cut(vms));
  const returns = new Returns(rows, moves, locals, vms, movables);
  const outbox = new Outbox(database, bus, log);
  const records = new MoveRecords(database, repository, outbox);
  const mover = new Mover(cut(repository), cut(records), out, home, returns, log, config);
  const ears = { open: true };
  const hearing = new AgentsService(agents, new TrafficRepository(database), systemClock, vms, config, log);
  const subscription = bus.connection.subscribe(servedOn(vmsHeartbeat), {
    queue: 'offload-manager',
    callback: (_, message) => {
      if (!ears.open) return;
      hearing.hear(VmHeartbeat.parse(message.json())).then(
        (order) => message.respond(JSON.stringify({ do: order })),
        () => undefined,
      );
    },
  });
  return {
    ears,
    endpoints,
    moves,
    mover,
    places,
    rows,
    locals,
    repository,
    out,
    ask: async (name: string) => {
      const answer = await bus.call(componentsAsk(name), { path: '/' }, { timeoutMs: 10_000 });
      return Buffer.from(answer.body, 'base64').toString();
    },
    /** What VMs say goes to the other managers. */
    leaveBus: () => subscription.unsubscribe(),
    close: async () => {
      subscription.unsubscribe();
      await outbox.onModuleDestroy();
      await places.onModuleDestroy();
      await locals.onApplicationShutdown();
    },
  };
}

export type TestManager = ReturnType<typeof managerOf>;
