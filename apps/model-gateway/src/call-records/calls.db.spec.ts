import type { Call } from '@purser/contracts';
import { Database, SERVICE_SCHEMAS } from '@purser/database';
import { createTestDatabase, type TestDatabase } from '@purser/testing';
import { MIGRATIONS } from '../migrations/index.js';
import { CallsRepository } from './calls.repository.js';

const DAY_MS = 24 * 3_600_000;
const call = (id: string, daysAgo: number): Call => ({
  ...{ id, at: new Date(Date.now() - daysAgo * DAY_MS).toISOString(), gateway: 'g', kind: 'embeddings', model: 'm' },
  ...{ capability: null, streaming: false, key: 'admin', project: null, task: null, session: null },
  ...{ outcome: 'ok', message: null, costUsd: '0.00', latencyMs: 5, tiers: [] },
});

let test: TestDatabase;
let database: Database;
let calls: CallsRepository;
beforeAll(async () => {
  test = await createTestDatabase();
  const schema = SERVICE_SCHEMAS['model-gateway'];
  database = await Database.open({ url: test.url, schema, migrations: MIGRATIONS, applicationName: 'spec' });
  calls = new CallsRepository(database);
});
afterAll(async () => {
  await database.close();
  await test.drop();
});

it('keeps calls for a week, and takes the same one twice', async () => {
  const batch = [call('old-1', 9), call('old-2', 8), call('recent', 6)];
  await calls.add(batch);
  await calls.add(batch);
  expect(await calls.get('old-1')).toEqual(batch[0]);
  expect(await calls.removeOld(1)).toBe(1);
  expect(await calls.get('old-1')).toBeUndefined();
  expect(await calls.get('old-2')).toBeDefined();
  expect(await calls.removeOld(10)).toBe(1);
  expect(await calls.removeOld(10)).toBe(0);
  expect(await calls.get('recent')).toEqual(batch[2]);
});
