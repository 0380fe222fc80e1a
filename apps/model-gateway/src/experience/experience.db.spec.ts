import { Database } from '@purser/database';
import type { Log } from '@purser/service';
import { createTestDatabase, eventually, type TestDatabase } from '@purser/testing';
import { MIGRATIONS } from '../migrations/index.js';
import { ExperienceRepository } from './experience.repository.js';
import { Experience } from './experience.service.js';
import { CLASSES, classOf, FADE_AT, total } from './size-histogram.js';

let file: TestDatabase;
let database: Database;
let repository: ExperienceRepository;
const quiet = () => undefined;
const log = { debug: quiet, info: quiet, warn: quiet, error: quiet } as unknown as Log;

beforeAll(async () => {
  file = await createTestDatabase();
  database = await Database.open({ url: file.url, schema: 'gateway', migrations: MIGRATIONS, applicationName: 'spec' });
  repository = new ExperienceRepository(database);
});
afterAll(async () => {
  await database.close();
  await file.drop();
});

it('is shared by gateways and outlives them', async () => {
  const first = new Experience(repository, log);
  await first.start();
  expect(first.largestUsual('code', 'k')).toBeUndefined();
  for (let call = 0; call < 50; call++) first.learn('code', 'k', 300);
  await first.stop();
  const second = new Experience(repository, log);
  await second.start();
  expect(second.largestUsual('code', 'k')).toBe(first.largestUsual('code', 'k'));
  expect(second.largestUsual('code', 'other')).toBeUndefined();
  second.learn('code', 'k', 9_000);
  await second.stop();
  const [row] = await repository.readSizes();
  expect(total(row?.counts ?? [])).toBe(51);
  expect(row?.counts[classOf(9_000)]).toBe(1);
});

it('stores what calls of very many keys taught, and what is learned meanwhile', async () => {
  const learning = new Experience(repository, log);
  await learning.start();
  const keys = Array.from({ length: 450 }, (_, n) => `key-${n}`);
  for (const key of keys) learning.learn('many', key, 100);
  const stopped = learning.stop();
  learning.learn('many', 'key-449', 5_000);
  await stopped;
  await learning.stop();
  const rows = (await repository.readSizes()).filter(({ capability }) => capability === 'many');
  expect(rows.map(({ key }) => key).sort()).toEqual(keys.toSorted());
  expect(rows.find(({ key }) => key === 'key-449')?.counts[classOf(5_000)]).toBe(1);
  expect(rows.reduce((sum, { counts }) => sum + total(counts), 0)).toBe(451);
});

it('reads what changed of late', async () => {
  await database.query(`UPDATE output_sizes SET updated_at = now() - interval '1 hour' WHERE key <> 'key-7'`);
  const rows = await repository.readSizes(60_000);
  expect(rows.map(({ key }) => key)).toEqual(['key-7']);
  expect((await repository.readSizes()).length).toBeGreaterThan(1);
});

it('keeps what could not be stored', async () => {
  const failing = new Experience(repository, log);
  await failing.start();
  failing.learn('kept', 'k', 100);
  const add = jest.spyOn(repository, 'addSizes').mockRejectedValueOnce(new Error('no disk'));
  await failing.stop();
  failing.learn('kept', 'k', 100);
  await failing.stop();
  add.mockRestore();
  const row = (await repository.readSizes()).find(({ capability }) => capability === 'kept');
  expect(total(row?.counts ?? [])).toBe(2);
});

it('lets old answers fade', async () => {
  const counts = Array.from({ length: CLASSES }, (_, index) => (index === 3 ? FADE_AT : 0));
  await repository.addSizes([{ capability: 'chat', key: 'k', counts }]);
  await repository.addSizes([{ capability: 'chat', key: 'k', counts }]);
  const row = (await repository.readSizes()).find(({ capability }) => capability === 'chat');
  expect(row?.counts[3]).toBe(FADE_AT);
});

it('keeps the highest safety factor', async () => {
  const experience = new Experience(repository, log);
  await experience.start();
  expect(experience.safetyOf('p', 'm')).toBe(1000);
  experience.raiseSafety('p', 'm', 2500);
  experience.raiseSafety('p', 'm', 1200);
  expect(experience.safetyOf('p', 'm')).toBe(2500);
  await eventually(async () =>
    expect(await repository.readSafety()).toEqual([{ provider: 'p', model: 'm', permille: 2500 }]),
  );
  await repository.raiseSafety({ provider: 'p', model: 'm', permille: 1100 });
  await experience.stop();
  const other = new Experience(repository, log);
  await other.start();
  expect(other.safetyOf('p', 'm')).toBe(2500);
  await other.stop();
});
