import { BUCKETS, type Move } from '@purser/contracts';
import { eventually } from '@purser/testing';
import { componentAt, managerOf, ScriptedVms, type Servers, startServers, type TestManager } from './moving.fixture.js';

/** Moves that do not come to where they were to go. */

const CHOICE = { machineType: 'docker-1g', spot: true };
const name = 'component';

let servers: Servers;
let vms: ScriptedVms;
let home: Awaited<ReturnType<typeof componentAt>>;
let manager: TestManager;

beforeAll(async () => {
  servers = await startServers();
});
beforeEach(async () => {
  vms = new ScriptedVms(servers.nats.url);
  home = await componentAt('home');
  const rest = { command: [], env: {}, port: 9_000, healthPath: '/', diskGb: 1 };
  manager = managerOf(servers, vms, [{ name, image: 'component:1', ...rest, local: { url: home.url } }]);
  await manager.places.follow();
});
afterEach(async () => {
  await manager.close();
  await vms.close();
  await home.close();
  await servers.database.query('TRUNCATE moves, component_places, local_servings, vm_agents');
});
afterAll(() => servers?.close());

const turn = async () => {
  await manager.mover.go();
  await manager.places.follow();
};

const over = async (move: Move): Promise<Move> => {
  let now = move;
  await eventually(async () => {
    await turn();
    now = (await manager.moves.list()).find(({ id }) => id === move.id) ?? now;
    expect(['done', 'failed']).toContain(now.step);
  });
  return now;
};

it('comes home when it cannot be stopped here and its VM is gone, however long it takes to start it again', async () => {
  manager.locals.stop = () => Promise.reject(new Error('Docker does not stop it'));
  const move = await manager.moves.toVm(name, CHOICE);
  const stepNow = async () => (await manager.repository.find(move.id))?.step;
  await eventually(async () => {
    await turn();
    expect(await stepNow()).toBe('stopping');
  });
  let starts = 0;
  manager.locals.start = () => {
    starts += 1;
    return Promise.reject(new Error('Docker does not start it'));
  };
  await vms.remove('vm-1', 'its machine died');
  await servers.database.query(`UPDATE moves SET step_at = now() - interval '11 minutes'`);
  await eventually(async () => {
    await turn();
    expect(starts).toBeGreaterThan(0);
  });
  expect(await stepNow()).toBe('stopping');
  manager.locals.start = () => Promise.resolve();
  expect(await over(move)).toMatchObject({ step: 'failed' });
  expect(await manager.ask(name)).toBe('home');
});

it('is not brought home by who stood still while another did so and moved it anew', async () => {
  const move = await manager.moves.toVm(name, CHOICE);
  await turn();
  const asleep = await manager.repository.find(move.id);
  if (!asleep?.vm_id) throw new Error('it has no VM');
  await vms.remove(asleep.vm_id, 'taken away');
  expect(await over(move)).toMatchObject({ step: 'failed' });
  const anew = await over(await manager.moves.toVm(name, CHOICE));
  expect(anew).toMatchObject({ step: 'done', vm: 'vm-2' });
  await manager.out.undo(asleep, 'its VM is gone');
  // Nor by who stood still before it had requested a VM.
  await manager.out.advance({ ...asleep, vm_id: null });
  expect(vms.alive).toEqual(['vm-2']);
  await turn();
  expect(await manager.ask(name)).toBe('vm-2');
  expect(await servers.bus.read(BUCKETS.endpoints, name)).toMatchObject({ place: 'vm', vm: 'vm-2' });
});
