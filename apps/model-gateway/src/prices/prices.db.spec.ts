import { Database } from '@purser/database';
import type { Log } from '@purser/service';
import { createTestDatabase, eventually, type TestDatabase } from '@purser/testing';
import { MIGRATIONS } from '../migrations/index.js';
import { Ladders } from '../models/ladders.js';
import { ModelsFile } from '../models/models-file.js';
import { PriceTable } from './price-table.js';
import { PriceWarnings } from './price-warnings.js';
import { PricesFollower } from './prices.follower.js';
import { PricesRepository } from './prices.repository.js';

const price = (usd: string) => ({
  inputPerMillionUsd: usd,
  outputPerMillionUsd: usd,
  source: 'spec',
  date: '2026-11-01',
});

let test: TestDatabase;
let database: Database;
beforeAll(async () => {
  const options = { schema: 'gateway', migrations: MIGRATIONS, applicationName: 'spec' };
  test = await createTestDatabase({
    template: { name: 'prices', build: async (url) => (await Database.open({ ...options, url })).close() },
  });
  database = await Database.open({ ...options, url: test.url });
});
afterAll(async () => {
  await database?.close();
  await test?.drop();
});

function follow(table: PriceTable, file: object = {}) {
  const quiet = () => undefined;
  const log: Log = { debug: quiet, info: quiet, warn: quiet, error: quiet, child: () => log };
  const ladders = Ladders.from(ModelsFile.parse(file), { prices: table });
  const repository = new PricesRepository(database);
  const follower = new PricesFollower(repository, table, ladders, new PriceWarnings(table, ladders), log);
  return { repository, follower, ladders };
}

it('takes over a row that was numbered before another one and committed after it', async () => {
  const table = new PriceTable();
  const { repository, follower } = follow(table);
  let adding: Promise<void> | undefined;
  let added = false;
  await database.transaction(async (tx) => {
    // Another gateway is importing: its row has its number and is not committed yet.
    await tx.query(`INSERT INTO price_rows (model, price, set_by, reason) VALUES ('openai/a', $1, 'x', '')`, [
      JSON.stringify(price('100')),
    ]);
    adding = repository.add([{ model: 'openai/b', price: price('1') }], 'y', '').then(() => void (added = true));
    await eventually(async () => {
      const waiting = await database.query(
        `SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'price_rows'::regclass`,
      );
      expect(added || waiting.length > 0).toBe(true);
    });
    await follower.refresh();
  });
  await adding;
  await follower.refresh();
  expect(table.byRef('openai/b')?.price.inputPerMillion).toBe(1_000_000_000n);
  expect(table.byRef('openai/a')?.price.inputPerMillion).toBe(100_000_000_000n);
});
