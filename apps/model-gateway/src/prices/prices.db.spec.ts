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
  const told: string[] = [];
  const warn = ({ warning }: { warning: string }) => void told.push(warning);
  const log = { debug: quiet, info: quiet, warn, error: quiet, child: () => log } as unknown as Log;
  const ladders = Ladders.from(ModelsFile.parse(file), { prices: table });
  const repository = new PricesRepository(database);
  const follower = new PricesFollower(repository, table, ladders, new PriceWarnings(table, ladders), log);
  return { repository, follower, ladders, told };
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

it('knows no price of a model whose newest row it cannot read, and says so once', async () => {
  const table = new PriceTable({ 'openai/m': price('1') });
  const { repository, follower, ladders, told } = follow(table, {
    c: { tier_1_paid: { provider: 'openai', model: 'm' } },
  });
  const known = () => [table.byRef('openai/m'), ladders.route('c')?.tiers[0]?.price].map((one) => one !== undefined);
  await repository.add([{ model: 'openai/m', price: price('2') }], 'ada', '');
  await follower.refresh();
  expect(known()).toEqual([true, true]);
  await database.query(
    `INSERT INTO price_rows (model, price, set_by, reason) VALUES ('openai/m', '{"perThought": "5"}', 'a newer one', '')`,
  );
  await follower.refresh();
  expect(known()).toEqual([false, false]);
  await repository.add([{ model: 'openai/other', price: price('2') }], 'ada', '');
  await follower.refresh();
  expect(told).toEqual([expect.stringMatching(/^openai\/m was given a price that .* cannot read/)]);
  await repository.add([{ model: 'openai/m', price: price('3') }], 'ada', '');
  await follower.refresh();
  expect(known()).toEqual([true, true]);
});
