import type { Spend } from '@purser/contracts';
import type { Sql } from '@purser/database';
import { createTestDatabase, type TestDatabase } from '@purser/testing';
import { BudgetsService } from '../budgets/budgets.service.js';
import { LeasesService } from '../leases/leases.service.js';
import { budgetOf, HandClock, LEDGER_TEMPLATE, openWatchdog, type TestWatchdog } from '../watchdog.fixture.js';
import { EntriesRepository } from './entries.repository.js';
import { LedgerService } from './ledger.service.js';
import { newSpend } from './new-spend.fixture.js';

jest.setTimeout(60_000);

let database: TestDatabase;
let watchdog: TestWatchdog;
const clock = new HandClock(new Date('2026-11-23T10:00:00Z'));

beforeEach(async () => {
  database = await createTestDatabase({ template: LEDGER_TEMPLATE });
  watchdog = await openWatchdog(database.url, clock);
});

afterEach(async () => {
  await watchdog?.close();
  await database?.drop();
});

const windowOf = async (id: string, limitUsd: string) =>
  (await watchdog.get(BudgetsService).set(budgetOf({ id, period: 'month', limitUsd }))).window.id;
const spendsOf = (count: number, given: Partial<Spend>) =>
  Array.from({ length: count }, () => newSpend({ usageAt: clock.now().toISOString(), ...given }));
const record = (spends: readonly Spend[]) => watchdog.get(LedgerService).record(spends);

interface Plan {
  'Actual Rows': number;
  'Actual Loops': number;
  'Rows Removed by Filter'?: number;
  'Rows Removed by Join Filter'?: number;
  Plans?: Plan[];
}

/** How many rows a statement looks at, by the database's own count. */
const lookedAt = (plan: Plan): number =>
  (plan['Actual Rows'] + (plan['Rows Removed by Filter'] ?? 0) + (plan['Rows Removed by Join Filter'] ?? 0)) *
    plan['Actual Loops'] +
  (plan.Plans ?? []).map(lookedAt).reduce((sum, one) => sum + one, 0);

describe('a backlog of settlements', () => {
  it('is settled in several transactions, and every window and lease is right after it', async () => {
    const held = await windowOf('held', '100');
    await windowOf('matching', '100');
    const asked = { windowId: held, grantedUsd: '0', needUsd: '60.00', wantUsd: '60.00' };
    await watchdog.get(LeasesService).grant({ gateway: 'g1', windows: [asked] });
    const backlog = spendsOf(3_000, { windows: [held], amountUsd: '0.01', holdUsd: '0.02' });
    await record(backlog);
    const transactions = await watchdog.database.query<{ entries: bigint }>(
      'SELECT count(*) AS entries FROM entries GROUP BY xmin::text',
    );
    expect(transactions.map(({ entries }) => entries)).toEqual(Array(6).fill(500n));
    const { budgets } = await watchdog.get(BudgetsService).list({});
    expect(Object.fromEntries(budgets.map(({ id, window }) => [id, window]))).toMatchObject({
      held: { settledUsd: '30.00', leasedUsd: '30.00' },
      matching: { settledUsd: '30.00', leasedUsd: '0.00' },
    });
    await record(backlog);
    expect((await watchdog.get(BudgetsService).list({})).budgets).toEqual(budgets);
  });

  it('is charged by looking at each of its entries so many times, however many they are', async () => {
    const held = await windowOf('held', '100');
    for (const id of ['one', 'two', 'three']) await windowOf(id, '100');
    const explained: Sql = {
      query: (text, parameters) =>
        watchdog.database.query(`EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) ${text}`, parameters),
    };
    const entries = watchdog.get(EntriesRepository);
    const effort = async (count: number) => {
      const seqs = await entries.append(watchdog.database, spendsOf(count, { windows: [held] }), clock.now());
      const [row] = (await entries.charges(explained, [...seqs.values()])) as unknown as {
        'QUERY PLAN': { Plan: Plan }[];
      }[];
      return lookedAt(row?.['QUERY PLAN'][0]?.Plan as Plan);
    };
    const few = await effort(500);
    expect(few).toBeGreaterThan(500);
    expect(await effort(2_000)).toBeLessThan(6 * few);
  });

  it('comes again after passing trouble, also when there is a defect before it', async () => {
    await watchdog.database.query(
      `CREATE FUNCTION be_busy() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN RAISE EXCEPTION 'too slow' USING ERRCODE = 'query_canceled'; END $$`,
    );
    await watchdog.database.query(
      `CREATE TRIGGER busy BEFORE INSERT ON entries FOR EACH ROW WHEN (NEW.model = 'busy') EXECUTE FUNCTION be_busy()`,
    );
    const [sound, busy] = [newSpend(), newSpend({ model: 'busy' })];
    // No text of Postgres holds this.
    const defect = newSpend({ model: 'a\u0000b' });
    await expect(record([defect, sound])).rejects.toThrow('unsupported Unicode escape sequence');
    await expect(record([defect, busy])).rejects.toMatchObject({ retryable: true });
    const parts = [defect, ...spendsOf(499, {}), busy];
    await expect(record(parts)).rejects.toMatchObject({ retryable: true });
    expect(await watchdog.database.query('SELECT count(*) AS n FROM entries')).toEqual([{ n: 500n }]);
  });
});
