import { Database } from '@purser/database';
import { createTestDatabase, type TestDatabase } from '@purser/testing';
import { DATABASE_OPTIONS, OFFLOAD_TEMPLATE } from '../offload.fixture.js';
import { MovedPlaces } from './places.adapter.js';

let test: TestDatabase;
let database: Database;
let places: MovedPlaces;

beforeEach(async () => {
  test = await createTestDatabase({ template: OFFLOAD_TEMPLATE });
  database = await Database.connect({ ...DATABASE_OPTIONS, url: test.url });
  places = new MovedPlaces(database, { PURSER_OFFLOAD_DWELL_SECONDS: 300 });
});
afterEach(async () => {
  await database.close();
  await test.drop();
});

const at = '2026-11-29T10:00:00Z';
const later = (seconds: number) => new Date(Date.parse(at) + seconds * 1000);
const place = (vm: string | null, since = at) =>
  database.query(`INSERT INTO component_places (component, vm_id, serve_local, since) VALUES ('a', $1, true, $2)`, [
    vm,
    since,
  ]);
const moved = (id: string, direction: string, step: string, stepAt: string, vm: string | null = null) =>
  database.query(
    `INSERT INTO moves (id, component, direction, step, vm_id, definition, reason, step_at)
     VALUES ($1, 'a', $2, $3, $4, '{}', 'a spec', $5)`,
    [id, direction, step, vm, stepAt],
  );
const vm = (id: string, state: string) =>
  database.query(
    `INSERT INTO vms (id, name, request_id, provider, machine_type, spot, memory_mb, disk_gb, component, startup, state,
       reason, requested_at, since, expires_at, lease, zone)
     VALUES ($1, $1, gen_random_uuid(), 'docker', 'small', true, 1, 10, 'a', '{}', $2, 'the platform says so', $3, $3, $4, 'none', 'z')`,
    [id, state, at, later(9_000)],
  );
const read = async () => (await places.all()).get('a');

it('has always been here, when it has never moved', async () => {
  await place(null);
  expect(await read()).toEqual({ place: 'local', vm: null, since: new Date(0), notBefore: undefined });
  expect((await places.all()).get('b')).toBeUndefined();
});

it('is moving as long as its move is not over', async () => {
  await place(null);
  await moved('1', 'to_vm', 'healthy', at, 'v');
  expect(await read()).toMatchObject({ place: 'moving', vm: 'v', towards: 'vm' });
});

it('is at its VM until that ends, or will not be there for long', async () => {
  await vm('v', 'ready');
  await place('v');
  await moved('1', 'to_vm', 'done', at, 'v');
  expect(await read()).toEqual({
    place: 'vm',
    vm: 'v',
    since: new Date(at),
    expiresAt: later(9_000),
    vmMemoryMb: 1,
    leaving: undefined,
  });
  await database.query(`UPDATE vms SET state = 'draining'`);
  expect((await read())?.leaving).toBe('its VM is draining: the platform says so');
});

it('is not moved again at once after a move that failed, and after each failure twice as long', async () => {
  await place(null);
  await moved('0', 'to_vm', 'failed', '2026-11-29T09:00:00Z');
  await moved('1', 'home', 'done', '2026-11-29T09:30:00Z');
  expect((await read())?.notBefore).toBeUndefined();
  await moved('2', 'to_vm', 'failed', at);
  expect((await read())?.notBefore).toEqual(later(300));
  await moved('3', 'to_vm', 'failed', later(400).toISOString());
  expect((await read())?.notBefore).toEqual(later(1_000));
  const byHand = (id: string) => database.query('UPDATE moves SET by_hand = true WHERE id = $1', [id]);
  // Asked for by somebody and refused, by a budget say, it holds back nothing; one that got a VM cost what it cost.
  await byHand('3');
  expect((await read())?.notBefore).toEqual(later(300));
  await database.query(`UPDATE moves SET vm_id = 'v' WHERE id = '3'`);
  expect((await read())?.notBefore).toEqual(later(1_000));
});
