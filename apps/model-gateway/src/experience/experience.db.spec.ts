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

it('lets old answers fade', async () => {
  const counts = Array.from({ length: CLASSES }, (_, index) => (index === 3 ? FADE_AT : 0));
  await repository.addSizes({ capability: 'chat', key: 'k', counts });
  await repository.addSizes({ capability: 'chat', key: 'k', counts });
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
