import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Database } from '@purser/database';
import { sessionName } from '@purser/service';
import { eventually } from '@purser/testing';
import { DATABASE_OPTIONS } from '../offload.fixture.js';
import type { Movable } from './movables.js';
import { componentAt, managerOf, ScriptedVms, type Servers, startServers, type TestManager } from './moving.fixture.js';

const CHOICE = { machineType: 'docker-1g', spot: true };
/** Longer than a manager must have had its sessions before it takes anybody for dead. */
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
    manager.leaveBus();
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

it('does not have home take requests again when all goes well', async () => {
  const component = await atHome();
  const manager = await managerNamed('one', component);
  await manager.places.follow();
  await manager.moves.toVm(component.name, CHOICE);
  await routed(manager);
  await eventually(async () => {
    await manager.mover.go();
    await manager.places.follow();
    expect(await stepOf(manager)).toBe('stopping');
  });
  // No beat of this step has come yet.
  manager.ears.open = false;
  await manager.mover.go();
  expect(await manager.rows.find(component.name)).toMatchObject({ serve_local: false });
  expect(await stepOf(manager)).toBe('done');
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

it('comes home also when what was said of the place there got lost', async () => {
  const component = await atHome();
  const manager = await managerNamed('one', component);
  await manager.places.follow();
  await servers.database.query('DELETE FROM local_servings');
  await eventually(async () => {
    await manager.places.follow();
    expect(await manager.rows.isOpenLocally(component.name)).toBe(true);
  });
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
  // One that has just come may have lost its sessions with all the others.
  const fresh = await managerNamed('fresh', component);
  expect(await fresh.repository.claim('fresh')).toEqual([]);
  await eventually(async () => expect(await next.repository.claim('next')).toHaveLength(1), LONG);
  // What an older one has may be any instance's.
  const applicationName = 'purser offload-manager';
  const older = await Database.connect({ ...DATABASE_OPTIONS, url: servers.test.url, applicationName });
  closing.push(() => older.close());
  await servers.database.query(`UPDATE moves SET claimed_by = 'first'`);
  expect(await next.repository.claim('next')).toEqual([]);
  await older.close();
  await eventually(async () => expect(await next.repository.claim('next')).toHaveLength(1));
});

/** A component that is a program, how often it was started, and how it comes to end by itself. */
async function program() {
  const folder = await mkdtemp(join(tmpdir(), 'purser-children-'));
  closing.push(() => rm(folder, { recursive: true }));
  const [starts, end] = [join(folder, 'starts'), join(folder, 'end')];
  const code = `fs.appendFileSync(process.env.STARTS, '1');
    setInterval(() => fs.existsSync(process.env.END) && (fs.unlinkSync(process.env.END), process.exit(1)), 50)`;
  const command = [process.execPath, '-e', code];
  const component = movable({ url: 'http://127.0.0.1:1', command }, { STARTS: starts, END: end });
  const started = async () => (await readFile(starts, 'utf8').catch(() => '')).length;
  return { component, started, endsByItself: () => writeFile(end, '') };
}

it('is run as a program by one manager, which ends it for whoever moves it, and by another one when that is dead', async () => {
  const { component, started } = await program();
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

it('is let go by a manager whose program ends by itself, so that another one may stop and start it', async () => {
  const { component, started, endsByItself } = await program();
  const one = await managerNamed('one', component);
  const two = await managerNamed('two', component);
  await one.locals.start(component);
  await eventually(async () => expect(await started()).toBe(1));
  await endsByItself();
  await eventually(() => two.locals.stop(component));
  await two.locals.start(component);
  await eventually(async () => expect(await started()).toBe(2));
});

it('is started by another manager when the one that ran it has not been heard for minutes, dead or not', async () => {
  const { component, started } = await program();
  const one = await managerNamed('one', component);
  const two = await managerNamed('two', component);
  await one.locals.start(component);
  await eventually(async () => expect(await started()).toBe(1));
  const silentFor = (time: string) =>
    servers.database.query('UPDATE local_children SET seen_at = now() - $1::interval', [time]);
  await silentFor('1 minute');
  await two.locals.start(component);
  await silentFor('3 minutes');
  await two.locals.start(component);
  await eventually(async () => expect(await started()).toBe(2));
  const rows = await servers.database.query('SELECT instance FROM local_children');
  expect(rows).toEqual([{ instance: 'two' }]);
});

it('is let go by a manager that was killed and is back by its name, when another one moves it', async () => {
  const { component } = await program();
  await servers.database.query(`INSERT INTO local_children (component, instance) VALUES ($1, 'one')`, [component.name]);
  const one = await managerNamed('one', component);
  const two = await managerNamed('two', component);
  await expect(two.locals.stop(component)).rejects.toMatchObject({ code: 'unavailable' });
  await one.locals.follow();
  await two.locals.stop(component);
});

it('stays on its VM when it does not come home in time, also while another manager runs it there', async () => {
  const { component, started } = await program();
  const one = await managerNamed('one', component);
  const two = await managerNamed('two', component);
  await one.moves.toVm(component.name, CHOICE);
  await eventually(async () => {
    await one.mover.go();
    await one.places.follow();
    expect(await stepOf(one)).toBe('done');
  });
  await two.locals.start(component);
  await eventually(async () => expect(await started()).toBe(1));
  await one.moves.bringHome(component.name, 'enough');
  await servers.database.query(`UPDATE moves SET step_at = now() - interval '6 minutes' WHERE direction = 'home'`);
  await one.mover.go();
  expect((await one.moves.list())[0]).toMatchObject({ direction: 'home', step: 'failed' });
  await two.locals.follow();
  expect(await servers.database.query('SELECT FROM local_children')).toEqual([]);
  expect(await one.ask(component.name)).toBe('vm-1');
});
