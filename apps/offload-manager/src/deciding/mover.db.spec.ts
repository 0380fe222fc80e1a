import { Database } from '@purser/database';
import { createTestDatabase, type TestDatabase } from '@purser/testing';
import { Config } from '../config.js';
import { PlacesRepository } from '../endpoints/places.repository.js';
import { MovesRepository } from '../moving/moves.repository.js';
import { Moves } from '../moving/moves.service.js';
import { DATABASE_OPTIONS, OFFLOAD_TEMPLATE } from '../offload.fixture.js';
import { DecidedMoves } from './mover.adapter.js';
import { MovedPlaces } from './places.adapter.js';
import type { PlannedMove } from './situation.js';

let test: TestDatabase;
let database: Database;

beforeEach(async () => {
  test = await createTestDatabase({ template: OFFLOAD_TEMPLATE });
  database = await Database.connect({ ...DATABASE_OPTIONS, url: test.url });
});
afterEach(async () => {
  await database.close();
  await test.drop();
});

it('makes of what is decided a move that goes on by itself, and one of each component at most', async () => {
  const config = Config.parse({ PURSER_NATS_URL: 'nats://a', PURSER_DATABASE_URL: 'postgres://a/b' });
  const definition = { name: 'embedder', command: [], env: {}, healthPath: '/', diskGb: 20 };
  const movables = {
    get: () => definition,
    list: () => [definition],
    searched: () => true,
    whyItStays: () => undefined,
  };
  const moves = new Moves(new MovesRepository(database), new PlacesRepository(database), config, movables);
  const mover = new DecidedMoves(moves);
  const machine = { machineType: 'small', spot: true, worstCase: 1n };
  const out: PlannedMove = { component: 'embedder', to: 'vm', machine, reason: 'weighs 60', memoryMb: 700 };
  await mover.begin(out);
  expect(await moves.list()).toMatchObject([
    { component: 'embedder', direction: 'to_vm', step: 'starting', reason: 'weighs 60' },
  ]);
  expect((await new MovedPlaces(database, config).all()).get('embedder')).toMatchObject({
    place: 'moving',
    tookMb: 700,
  });
  const repository = new MovesRepository(database);
  expect(await repository.definitions()).toEqual([definition]);
  await expect(mover.begin(out)).rejects.toThrow('moving already');
  const home: PlannedMove = { component: 'embedder', to: 'local', machine: undefined, reason: 'there is room' };
  await expect(mover.begin(home)).rejects.toThrow('at home');
  await database.query(`UPDATE moves SET step = 'done'`);
  expect(await repository.definitions()).toEqual([]);
  await database.query(`UPDATE component_places SET vm_id = 'v'`);
  expect(await repository.definitions()).toEqual([definition]);
  // An old one is forgotten, unless it tells how what is away came there.
  await database.query(`UPDATE moves SET vm_id = 'v', step_at = now() - interval '31 days'`);
  await repository.forget(30);
  expect(await moves.list()).toHaveLength(1);
  await database.query('UPDATE component_places SET vm_id = NULL');
  await repository.forget(30);
  expect(await moves.list()).toEqual([]);
});
