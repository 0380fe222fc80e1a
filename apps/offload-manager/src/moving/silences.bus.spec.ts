import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Database } from '@purser/database';
import { sessionName } from '@purser/service';
import { eventually } from '@purser/testing';
import { DATABASE_OPTIONS } from '../offload.fixture.js';
import type { Movable } from './movables.js';
import { componentAt, managerOf, ScriptedVms, type Servers, startServers, type TestManager } from './moving.fixture.js';

const CHOICE = { machineType: 'docker-1g', spot: true };
/** Longer than Postgres must have run before anybody is taken for dead. */
const LONG = { timeoutMs: 45_000, everyMs: 100 };

let servers: Servers;
let vms: ScriptedVms;
let count = 0;
const closing: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  servers = await startServers();
});
beforeEach(() => {
  vms = new ScriptedVms(servers.nats.url);
  closing.push(() => vms.close());
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  await servers.database.query('TRUNCATE moves, component_places, local_servings, local_children, vm_agents');
});
afterAll(() => servers?.close());

const movable = (local: Movable['local'], env: Record<string, string> = {}): Movable => ({
  name: `silent-${++count}`,
  image: 'component:1',
  command: [],
  env,
  port: 9_000,
  healthPath: '/',
  diskGb: 1,
  local,
});

async function atHome(): Promise<Movable> {
  const server = await componentAt('home');
  closing.push(() => server.close());
  return movable({ url: server.url });
}

/** A manager with sessions of its own, which end when it dies. */
async function managerNamed(instance: string, component: Movable): Promise<TestManager & { die(): Promise<void> }> {
  const applicationName = sessionName('offload-manager', instance);
  const { test, hears: hearsChanges } = servers;
  const database = await Database.connect({ ...DATABASE_OPTIONS, url: test.url, applicationName, hearsChanges });
  await database.ping();
  const manager = managerOf(servers, vms, [component], { instance, database });
  let dead = false;
  const die = async () => {
    dead = true;
    await database.close();
  };
  closing.push(async () => {
    if (dead) return manager.locals.onApplicationShutdown();
    await manager.close();
    await database.close();
  });
  return { ...manager, die };
}

const stepOf = async (manager: TestManager) => (await manager.moves.list())[0]?.step;

async function routed(manager: TestManager): Promise<void> {
  await eventually(async () => {
    await manager.mover.go();
    await manager.places.follow();
    expect(await stepOf(manager)).toBe('routed');
  });
}

it('does not leave home for a VM that has fallen silent since requests go there, until it is heard again', async () => {
  const component = await atHome();
  const manager = await managerNamed('one', component);
  await manager.places.follow();
  await manager.moves.toVm(component.name, CHOICE);
  await routed(manager);
  manager.ears.open = false;
  await servers.database.query(`UPDATE vm_agents SET heard_at = heard_at - interval '1 minute'`);
  for (let looks = 0; looks < 3; looks += 1) {
    await manager.mover.go();
    await manager.places.follow();
    expect(await stepOf(manager)).toBe('routed');
    expect(await manager.rows.find(component.name)).toMatchObject({ serve_local: true });
  }
  manager.ears.open = true;
  await eventually(async () => {
    await manager.mover.go();
    await manager.places.follow();
    expect(await stepOf(manager)).toBe('done');
  });
  expect(await manager.ask(component.name)).toBe('vm-1');
});

it('waits for a manager that is stalled, which may still have requests, and not for one that is dead', async () => {
  const component = await atHome();
  const stalled = await managerNamed('stalled', component);
  await stalled.places.follow();
  const manager = await managerNamed('one', component);
  await manager.places.follow();
  await manager.moves.toVm(component.name, CHOICE);
  await routed(manager);
  const look = async () => {
    await servers.database.query(
      `UPDATE local_servings SET seen_at = now() - interval '1 minute' WHERE instance = 'stalled'`,
    );
    await manager.mover.go();
    await manager.places.follow();
    return stepOf(manager);
  };
  for (let looks = 0; looks < 5; looks += 1) expect(await look()).toBe('routed');
  await stalled.die();
  await eventually(async () => expect(await look()).toBe('done'), LONG);
});

it('leaves no request with a manager that begins to serve just when a component leaves', async () => {
  const component = await atHome();
  const manager = await managerNamed('one', component);
  await manager.places.follow();
  const late = await managerNamed('late', component);
  const { list } = late.rows;
  // It has read that the component is at home when that changes.
  jest.spyOn(late.rows, 'list').mockImplementation(async () => {
    const rows = await list();
    await manager.rows.set(component.name, 'vm-1', false);
    return rows;
  });
  await late.places.follow();
  await eventually(async () => {
    await manager.places.follow();
    expect(await manager.rows.isServedLocally(component.name)).toBe(false);
  });
  await expect(manager.ask(component.name)).rejects.toMatchObject({ code: 'unavailable' });
});

it('goes on at once with what a manager had at hand that is dead, and not with what a living one has', async () => {
  const component = await atHome();
  const first = await managerNamed('first', component);
  const next = await managerNamed('next', component);
  await first.moves.toVm(component.name, CHOICE);
  expect(await first.repository.claim('first')).toHaveLength(1);
  await servers.database.query(`UPDATE moves SET claimed_until = now() + interval '1 hour'`);
  expect(await next.repository.claim('next')).toEqual([]);
  await first.die();
  await eventually(async () => expect(await next.repository.claim('next')).toHaveLength(1), LONG);
});

it('is run as a program by one manager, which ends it for whoever moves it, and by another one when that is dead', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'purser-children-'));
  closing.push(() => rm(folder, { recursive: true }));
  const starts = join(folder, 'starts');
  const program = 'require("fs").appendFileSync(process.env.STARTS, "1"); setInterval(() => undefined, 1_000)';
  const component = movable(
    { url: 'http://127.0.0.1:1', command: [process.execPath, '-e', program] },
    { STARTS: starts },
  );
  const started = () =>
    readFile(starts, 'utf8').then(
      (text) => text.length,
      () => 0,
    );
  const one = await managerNamed('one', component);
  const two = await managerNamed('two', component);
  await one.locals.start(component);
  await two.locals.start(component);
  await eventually(async () => expect(await started()).toBe(1));
  await expect(two.locals.stop(component)).rejects.toMatchObject({
    code: 'unavailable',
    message: `${component.name} is run by one, which is to end it`,
  });
  await eventually(async () => {
    await one.locals.follow();
    await two.locals.stop(component);
  });
  await two.locals.start(component);
  await eventually(async () => expect(await started()).toBe(2));
  await one.locals.start(component);
  await two.die();
  await eventually(async () => {
    await one.locals.start(component);
    expect(await started()).toBe(3);
  }, LONG);
});
