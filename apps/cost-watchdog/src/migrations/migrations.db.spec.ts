import { CreateOutbox1700000000000, Database, type QueryRunner } from '@purser/database';
import { createTestDatabase, type TestDatabase } from '@purser/testing';
import { CountByOwnClock1700000003004 } from './count-by-own-clock.js';
import { CreateCostSources1700000003400 } from './create-cost-sources.js';
import { MIGRATIONS } from './index.js';

let own: TestDatabase;
beforeEach(async () => void (own = await createTestDatabase()));
afterEach(() => own?.drop());

const open = (migrations: typeof MIGRATIONS) =>
  Database.open({
    url: own.url,
    schema: 'ledger',
    migrations: [CreateOutbox1700000000000, ...migrations],
    applicationName: 'spec',
  });

it('take over what an older ledger holds: entries count when they were observed, and lost leases stay presumed', async () => {
  const older = await open(MIGRATIONS.slice(0, MIGRATIONS.indexOf(CountByOwnClock1700000003004)));
  await older.query(
    `INSERT INTO entries (attempt_id, call_id, gateway, provider, model, tier, amount_nano, hold_nano, held_in, input_tokens,
       output_tokens, cached_tokens, usage_at, observed_at, source, finality, outcome, latency_ms)
     VALUES ('a', 'c', 'g', 'p', 'm', 't', 1, 1, '{}', 0, 0, 0, '2020-01-01', '2026-11-01', 'metered', 'final', 'ok', 1)`,
  );
  await older.query(
    `INSERT INTO budgets (id, period, timezone, limit_nano, warning, critical, cutoff, on_exhausted, origin, created_at, updated_at)
     VALUES ('b', 'total', 'UTC', 100, 0.5, 0.9, 1, 'free', 'set', now(), now())`,
  );
  await older.query(
    `INSERT INTO windows (budget_id, shape, starts_at, limit_nano, settled_nano, leased_nano, level, touched_at)
     VALUES ('b', 1, '2020-01-01', 100, 10, 30, 'ok', now())`,
  );
  await older.query(
    `INSERT INTO leases (gateway, window_id, granted_nano, returned_nano, consumed_nano, presumed, last_seen)
     VALUES ('lost', 1, 50, 10, 10, true, now()), ('other', 1, 5, 5, 0, false, now())`,
  );
  await older.close();
  const newer = await open(MIGRATIONS);
  expect(await newer.query('SELECT counted_at = observed_at AS same FROM entries')).toEqual([{ same: true }]);
  expect(
    await newer.query(
      'SELECT outstanding_nano, released_nano, presumed_since IS NOT NULL AS dated FROM leases ORDER BY gateway',
    ),
  ).toEqual([
    { outstanding_nano: 30n, released_nano: 0n, dated: true },
    { outstanding_nano: 0n, released_nano: 0n, dated: false },
  ]);
  await expect(newer.query('UPDATE entries SET amount_nano = 0')).rejects.toThrow('append-only');
  await newer.close();
});

it('take cost sources back with the rule on windows of before them', async () => {
  const rule = async (database: Database) =>
    (
      await database.query<{ rule: string }>(
        `SELECT prosrc AS rule FROM pg_proc WHERE proname = 'refuse_overdrawn_window'`,
      )
    )[0]?.rule;
  const at = MIGRATIONS.indexOf(CreateCostSources1700000003400);
  const before = await open(MIGRATIONS.slice(0, at));
  const strict = await rule(before);
  await before.close();
  const after = await open(MIGRATIONS.slice(0, at + 1));
  expect(await rule(after)).toContain('greatest');
  await after.transaction((tx) => new CreateCostSources1700000003400().down(tx as unknown as QueryRunner));
  expect(await rule(after)).toBe(strict);
  await after.close();
});
