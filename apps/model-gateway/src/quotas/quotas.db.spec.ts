import { Database } from '@purser/database';
import { type Log, systemClock } from '@purser/service';
import { createTestDatabase, type TestDatabase } from '@purser/testing';
import { MIGRATIONS } from '../migrations/index.js';
import { FreeQuota, readQuota, type TierQuota } from './free-quota.js';
import { QuotasRepository } from './quotas.repository.js';
import { Quotas } from './quotas.service.js';

let file: TestDatabase;
let database: Database;
const quiet = () => undefined;
const log = { debug: quiet, info: quiet, warn: quiet, error: quiet } as unknown as Log;

beforeAll(async () => {
  file = await createTestDatabase();
  database = await Database.open({ url: file.url, schema: 'gateway', migrations: MIGRATIONS, applicationName: 'spec' });
});
afterAll(async () => {
  await database.close();
  await file.drop();
});

const gateway = () => new Quotas(new QuotasRepository(database), systemClock, log);
const quotaOf = (pool: string, requests: number, per: 'day' | 'month' = 'month'): TierQuota =>
  readQuota(FreeQuota.parse({ requests, per, pool, timezone: 'Europe/Berlin' }), 'p/m', undefined);
const takenOf = async (pool: string) => {
  const [row] = await database.query<{ taken: bigint }>('SELECT taken FROM free_quotas WHERE name LIKE $1', [
    `${pool} %`,
  ]);
  return row?.taken;
};
async function takeAll(one: Quotas, quota: TierQuota): Promise<number> {
  let count = 0;
  while ((await one.take(quota, 1n)).ok) count += 1;
  return count;
}

it('is never passed by several gateways at once, and used to its end', async () => {
  const quota = quotaOf('many', 300);
  const gateways = [gateway(), gateway(), gateway()];
  const counts = await Promise.all(
    gateways.flatMap((one) => [takeAll(one, quota), takeAll(one, quota), takeAll(one, quota)]),
  );
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(300);
  expect(await gateways[0]?.take(quota, 1n)).toMatchObject({
    ok: false,
    reason: expect.stringMatching(
      /^its free requests of this month do not cover the call until \d{4}-\d\d-\d\dT/,
    ) as unknown,
  });
});

it('outlives a gateway: what it used stays used, and the rest comes back', async () => {
  const quota = quotaOf('restart', 1_000, 'day');
  const first = gateway();
  for (let count = 0; count < 7; count++) await first.take(quota, 1n);
  expect(await takenOf('restart')).toBe(20n);
  await first.onModuleDestroy();
  expect(await takenOf('restart')).toBe(7n);
  const killed = gateway();
  await killed.take(quota, 1n);
  expect(await takenOf('restart')).toBe(27n);
});

it('takes what a call may use, and gives back what it did not', async () => {
  const quota = quotaOf('settled', 100);
  const one = gateway();
  const large = await one.take(quota, 90n);
  expect((await one.take(quota, 20n)).ok).toBe(false);
  if (large.ok) large.settle(30n);
  if (large.ok) large.settle(0n);
  const [second, third] = [await one.take(quota, 60n), await one.take(quota, 20n)];
  expect([second.ok, third.ok]).toEqual([true, false]);
  expect((await one.take(quota, 101n)).ok).toBe(false);
});

it('begins anew with each window', async () => {
  const quota = quotaOf('windows', 2, 'day');
  const one = gateway();
  expect(await takeAll(one, quota)).toBe(2);
  await database.query(`UPDATE free_quotas SET starts_at = starts_at - interval '1 day' WHERE name = $1`, [quota.name]);
  expect(await takeAll(gateway(), quota)).toBe(2);
});

it('serves from what is in hand while the database is away', async () => {
  const quota = quotaOf('away', 100);
  const repository = new QuotasRepository(database);
  const one = new Quotas(repository, systemClock, log);
  await one.take(quota, 1n);
  repository.take = () => Promise.reject(new Error('no database'));
  expect((await one.take(quota, 1n)).ok).toBe(true);
  expect(await one.take(quota, 1n)).toEqual({
    ok: false,
    reason: 'its free quota cannot be counted now',
    retryAfterMs: 2_000,
  });
});
