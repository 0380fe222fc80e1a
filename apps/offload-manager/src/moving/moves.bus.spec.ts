import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { BUCKETS, type Endpoint, type Move } from '@purser/contracts';
import { eventually } from '@purser/testing';
import { freePort } from '@purser/embedded';
import type { Movable } from './movables.js';
import {
  componentAt,
  type Cut,
  managerOf,
  ScriptedVms,
  type Servers,
  startServers,
  type TestManager,
} from './moving.fixture.js';

/** Callers that ask all the time leave little to the rest. */
const SLOWLY = { timeoutMs: 40_000 };
const CHOICE = { machineType: 'docker-1g', spot: true };

let servers: Servers;
let vms: ScriptedVms;
let count = 0;
const closing: (() => Promise<void>)[] = [];

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

const movable = (local: Movable['local']): Movable => ({
  name: `component-${++count}`,
  image: 'component:1',
  command: [],
  env: {},
  port: 9_000,
  healthPath: '/',
  diskGb: 1,
  local,
});

const managerWith = (component: Movable, options: Parameters<typeof managerOf>[3] = {}): TestManager => {
  const manager = managerOf(servers, vms, [component], options);
  closing.push(() => manager.close());
  return manager;
};

async function atHome(options: Parameters<typeof managerOf>[3] = {}, until?: () => Promise<unknown>) {
  const server = await componentAt('home', until);
  closing.push(() => server.close());
  const component = movable({ url: server.url });
  const manager = managerWith(component, options);
  await manager.places.follow();
  return { component, name: component.name, manager };
}

/** As the timers would, one after the other. */
const turn = async (manager: TestManager) => {
  await manager.mover.go();
  await manager.places.follow();
};

const over = async (manager: TestManager, move: Move): Promise<Move> => {
  let now = move;
  await eventually(async () => {
    await turn(manager);
    now = (await manager.moves.list()).find(({ id }) => id === move.id) ?? now;
    expect(['done', 'failed']).toContain(now.step);
  }, SLOWLY);
  return now;
};

describe('a component that moves', () => {
  it('goes to a VM and comes home, and loses none of the requests that are sent all the time', async () => {
    const { name, manager } = await atHome();
    const answers: string[] = [];
    let stop = false;
    const callers = Array.from({ length: 6 }, async () => {
      while (!stop) answers.push(await manager.ask(name));
    });
    await eventually(() => expect(answers.length).toBeGreaterThan(20));
    expect(await over(manager, await manager.moves.toVm(name, CHOICE))).toMatchObject({ step: 'done', vm: 'vm-1' });
    const there = answers.length + 10;
    await eventually(() => expect(answers.length).toBeGreaterThan(there));
    expect(answers.at(-1)).toBe('vm-1');
    expect(await servers.bus.read(BUCKETS.endpoints, name)).toMatchObject({
      place: 'vm',
      vm: 'vm-1',
    } satisfies Partial<Endpoint>);
    expect(await over(manager, await manager.moves.bringHome(name, 'enough'))).toMatchObject({ step: 'done' });
    const back = answers.length + 10;
    await eventually(() => expect(answers.length).toBeGreaterThan(back));
    stop = true;
    // Each of them was answered, or this throws.
    await Promise.all(callers);
    expect(answers.at(-1)).toBe('home');
    expect(vms.alive).toEqual([]);
    expect(await servers.bus.read(BUCKETS.endpoints, name)).toMatchObject({ place: 'local', vm: null });
  });

  it('is told of on the bus once it is there, and once it is home again', async () => {
    const { name, manager } = await atHome();
    const told: unknown[] = [];
    const subscription = servers.bus.connection.subscribe('component.>', {
      callback: (_, message) => void told.push([message.subject, message.json<{ data: Move }>().data]),
    });
    closing.push(() => subscription.drain());
    const out = await over(manager, await manager.moves.toVm(name, CHOICE, 'it is heavy'));
    const home = await over(manager, await manager.moves.bringHome(name, 'enough'));
    await eventually(() =>
      expect(told).toEqual([
        [`component.offloaded.${name}`, out],
        [`component.returned.${name}`, home],
      ]),
    );
    expect(out).toMatchObject({ vm: 'vm-1', reason: 'it is heavy', step: 'done' });
  });

  it('answers what it has before it is stopped here, however long that takes', async () => {
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const { name, manager } = await atHome({}, () => held);
    closing.push(() => Promise.resolve(release()));
    const slow = manager.ask(name);
    const move = await manager.moves.toVm(name, CHOICE);
    const step = async () => (await manager.moves.list()).find(({ id }) => id === move.id)?.step;
    await eventually(async () => {
      await turn(manager);
      expect(await step()).toBe('routed');
    });
    for (let looks = 0; looks < 2; looks += 1) {
      // Unless it is said again, what was said of the place here is old.
      await servers.database.query(`UPDATE local_servings SET seen_at = now() - interval '1 minute'`);
      await eventually(async () => {
        await manager.places.follow();
        expect(await manager.rows.isServedLocally(name)).toBe(true);
      });
      await manager.mover.go();
      expect(await step()).toBe('routed');
    }
    release();
    expect(await slow).toBe('home');
    expect(await over(manager, move)).toMatchObject({ step: 'done' });
  });

  it('is stopped here as a process of its own once it runs there, and started again to come home', async () => {
    const port = await freePort();
    const program =
      'require("http").createServer((q, r) => r.end("process")).listen(Number(process.env.PORT), "127.0.0.1")';
    const component: Movable = {
      ...movable({ url: `http://127.0.0.1:${port}`, command: [process.execPath, '-e', program] }),
      env: { PORT: String(port) },
    };
    const manager = managerWith(component);
    await manager.places.follow();
    await eventually(async () => {
      await turn(manager);
      expect(await manager.ask(component.name)).toBe('process');
    });
    await over(manager, await manager.moves.toVm(component.name, CHOICE));
    expect(await manager.locals.isHealthy(component)).toBe(false);
    expect(await manager.ask(component.name)).toBe('vm-1');
    await turn(manager);
    expect(await manager.locals.isHealthy(component)).toBe(false);
    await over(manager, await manager.moves.bringHome(component.name, 'enough'));
    expect(await manager.ask(component.name)).toBe('process');
    await manager.close();
    expect(await manager.locals.isHealthy(component)).toBe(false);
  });

  it('stays where it is when its VM does not come to be', async () => {
    const { name, manager } = await atHome();
    vms.healthy = false;
    const move = await manager.moves.toVm(name, CHOICE);
    await eventually(async () => {
      await turn(manager);
      expect(vms.alive).toHaveLength(1);
    });
    await vms.remove('vm-1', 'stockout everywhere');
    expect(await over(manager, move)).toMatchObject({
      step: 'failed',
      error: expect.stringContaining('stockout') as string,
    });
    expect(await manager.ask(name)).toBe('home');
    expect(await manager.rows.find(name)).toMatchObject({ vm_id: null, serve_local: true });
  });

  it('comes home by itself when its VM is taken away', async () => {
    const { name, manager } = await atHome();
    await over(manager, await manager.moves.toVm(name, CHOICE));
    await vms.preempted('vm-1', new Date());
    await eventually(async () => {
      await turn(manager);
      expect(vms.alive).toEqual([]);
    });
    expect(await manager.ask(name)).toBe('home');
    expect((await manager.moves.list())[0]).toMatchObject({
      direction: 'home',
      reason: expect.stringContaining('draining') as string,
    });
  });

  it('comes home by itself when it dies on its VM, whose agent lives on', async () => {
    const { name, manager } = await atHome({ extra: { PURSER_OFFLOAD_UNHEALTHY_SECONDS: '1' } });
    await over(manager, await manager.moves.toVm(name, CHOICE));
    await vms.breakDown('vm-1');
    await eventually(async () => {
      await turn(manager);
      expect(vms.alive).toEqual([]);
    });
    expect(await manager.ask(name)).toBe('home');
    expect((await manager.moves.list())[0]).toMatchObject({
      direction: 'home',
      reason: expect.stringContaining('has not been healthy on it for 1 s') as string,
    });
  });

  it('is not started again at once when it ends as soon as it is started', async () => {
    const starts = join(await mkdtemp(join(tmpdir(), 'purser-starts-')), 'starts');
    const program = 'require("fs").appendFileSync(process.env.STARTS, "1")';
    const command = [process.execPath, '-e', program];
    const component = { ...movable({ url: 'http://127.0.0.1:1', command }), env: { STARTS: starts } };
    const manager = managerWith(component);
    const count = () => readFile(starts, 'utf8').then((text) => text.length);
    await manager.locals.start(component);
    await eventually(async () => expect(await count()).toBe(1));
    await manager.locals.stop(component);
    // One that was stopped starts at once; what ended by itself, however often it is asked for, does not.
    await eventually(async () => {
      await manager.locals.start(component);
      expect(await count()).toBeGreaterThan(1);
    });
    const before = await count();
    for (let looks = 0; looks < 50; looks += 1) await manager.locals.start(component);
    await manager.close();
    expect(await count()).toBeLessThanOrEqual(before + 1);
    await rm(dirname(starts), { recursive: true });
  });

  it('stays where it is, and lets others move, when it cannot be stopped here', async () => {
    const { name, manager } = await atHome();
    let stops = 0;
    manager.locals.stop = () => {
      stops += 1;
      return Promise.reject(new Error('Docker does not stop it'));
    };
    const move = await manager.moves.toVm(name, CHOICE);
    await eventually(async () => {
      await turn(manager);
      expect(stops).toBe(1);
    });
    for (let looks = 0; looks < 20; looks += 1) await turn(manager);
    expect(stops).toBeLessThan(5);
    await servers.database.query(`UPDATE moves SET step_at = now() - interval '11 minutes'`);
    expect(await over(manager, move)).toMatchObject({
      step: 'done',
      error: expect.stringContaining('could not be stopped here') as string,
    });
    expect(await manager.ask(name)).toBe('vm-1');
    await over(manager, await manager.moves.bringHome(name, 'enough'));
  });

  it('goes on with whoever took it over: what its owner of before still does is not taken', async () => {
    const { name, manager } = await atHome();
    const move = await manager.moves.toVm(name, CHOICE);
    const [before] = await manager.repository.claim('one');
    await servers.database.query(`UPDATE moves SET claimed_until = now() - interval '1 second'`);
    const [after] = await manager.repository.claim('two');
    if (!before || !after) throw new Error('nobody has it');
    expect(await manager.repository.setVm(before, 'vm-of-before')).toBe(false);
    expect(await manager.repository.enter(servers.database, before, 'starting', 'failed', null)).toBeUndefined();
    expect(await manager.repository.isHeld(before)).toBe(false);
    expect(await manager.repository.isHeld(after)).toBe(true);
    // Its own requests: each VM but the first is removed at once.
    await manager.out.advance(before);
    expect(vms.alive).toEqual([]);
    await servers.database.query(`UPDATE moves SET claimed_until = now() - interval '1 second'`);
    expect(await over(manager, move)).toMatchObject({ step: 'done', vm: 'vm-2' });
    expect(vms.alive).toEqual(['vm-2']);
  });

  it('moves once at a time, within the number that may move at once, and not in a dry run', async () => {
    const { name, manager } = await atHome({ extra: { MAX_CONCURRENT_MIGRATIONS: '1' } });
    await expect(manager.moves.bringHome(name, 'why not')).rejects.toThrow(/at home/);
    await expect(manager.moves.toVm('nobody', CHOICE)).rejects.toThrow(/no component "nobody"; there are component-/);
    await expect(manager.moves.bringHome('nobody', 'why not')).rejects.toMatchObject({ code: 'not_found' });
    const first = await manager.moves.toVm(name, CHOICE);
    await expect(manager.moves.toVm(name, CHOICE)).rejects.toThrow(/moving already/);
    const other = await atHome({ extra: { MAX_CONCURRENT_MIGRATIONS: '1' } });
    await expect(other.manager.moves.toVm(other.name, CHOICE)).rejects.toThrow(/MAX_CONCURRENT_MIGRATIONS/);
    await over(manager, first);
    const dry = await atHome({ extra: { HYBRID_ORCHESTRATION_DRY_RUN: 'true' } });
    await expect(dry.manager.moves.toVm(dry.name, CHOICE)).rejects.toThrow(/DRY_RUN/);
  });
});

class Crashed extends Error {}

/** A crash before one of these is the same as one after the change before it. */
const READS = new Set([
  'get',
  'find',
  'findVms',
  'list',
  'claim',
  'isHeld',
  'isServedLocally',
  'isOpenLocally',
  'servesSince',
  'isHealthy',
]);

/** Ends the manager before or after the n-th change that it makes anywhere: from then on it does nothing any more. */
function cutAt(nth: number, after: boolean): { cut: Cut; happened: () => boolean } {
  let calls = 0;
  let dead = false;
  const die = (): never => {
    dead = true;
    throw new Crashed('crashed');
  };
  const cut: Cut = (part) =>
    new Proxy(part, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name);
        if (typeof value !== 'function') return value;
        return async (...args: unknown[]): Promise<unknown> => {
          if (dead) die();
          if (READS.has(String(name))) return (value as (...given: unknown[]) => unknown).apply(target, args);
          if (++calls === nth && !after) die();
          const result: unknown = await (value as (...given: unknown[]) => unknown).apply(target, args);
          if (calls === nth && after) die();
          return result;
        };
      },
    });
  return { cut, happened: () => dead };
}

describe('a manager that crashes', () => {
  const ENOUGH = 200;
  /** Changes are made again at every look. */
  const SELDOM = { everyMs: 100, timeoutMs: 20_000 };

  it.each(['before', 'after'])(
    '%s any call of a move there and back has it finished or undone by the next one',
    async (when) => {
      const server = await componentAt('home');
      closing.push(() => server.close());
      for (let nth = 1; nth < ENOUGH; nth += servers.hears ? 5 : 1) {
        const component = movable({ url: server.url });
        const { name } = component;
        const { cut, happened } = cutAt(nth, when === 'after');
        const first = managerOf(servers, vms, [component], { cut });
        await first.places.follow();
        const wish = async (manager: TestManager) => {
          const place = await manager.rows.find(name);
          if (await manager.repository.isMoving(name)) return;
          if (place?.vm_id == null) await manager.moves.toVm(name, CHOICE);
          else await manager.moves.bringHome(name, 'back');
        };
        const isOver = async (manager: TestManager) => !(await manager.repository.isMoving(name));
        for (let leg = 0; leg < 2 && !happened(); leg += 1) {
          await wish(first);
          await eventually(async () => {
            await turn(first).catch(() => undefined);
            expect(happened() || (await isOver(first))).toBe(true);
          }, SELDOM);
        }
        await first.close();
        await servers.database.query(`UPDATE moves SET claimed_until = now() - interval '1 second'`);
        await servers.database.query(`DELETE FROM local_servings`);
        const next = managerOf(servers, vms, [component], { instance: 'two' });
        await next.places.follow();
        await eventually(async () => {
          await turn(next);
          expect(await isOver(next)).toBe(true);
        }, SELDOM);
        const place = await next.rows.find(name);
        expect([nth, vms.alive]).toEqual([nth, place?.vm_id == null ? [] : [place.vm_id]]);
        expect([nth, await next.ask(name)]).toEqual([nth, place?.vm_id ?? 'home']);
        await next.close();
        for (const id of vms.alive) await vms.remove(id, 'the next round');
        await servers.database.query('TRUNCATE moves, component_places, local_servings, local_children, vm_agents');
        if (!happened()) return expect(nth).toBeGreaterThan(10);
      }
      throw new Error(`a move takes more than ${ENOUGH} calls`);
    },
    240_000,
  );
});
