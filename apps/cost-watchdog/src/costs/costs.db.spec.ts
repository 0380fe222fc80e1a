import type { Spend } from '@purser/contracts';
import { CreateOutbox1700000000000, Database } from '@purser/database';
import { createTestDatabase, type TestDatabase } from '@purser/testing';
import { LedgerService } from '../ledger/ledger.service.js';
import { newSpend } from '../ledger/new-spend.fixture.js';
import { SettlementService } from '../ledger/settlement.service.js';
import { MIGRATIONS } from '../migrations/index.js';
import { RollUpLedger1700000003601 } from '../migrations/roll-up-ledger.js';
import { HandClock, LEDGER_TEMPLATE, openWatchdog, type TestWatchdog } from '../watchdog.fixture.js';
import { CostsService } from './costs.service.js';

jest.setTimeout(60_000);

let database: TestDatabase;
let watchdog: TestWatchdog;
// A Thursday.
const clock = new HandClock(new Date('2026-11-26T10:20:00Z'));

beforeEach(async () => {
  clock.set('2026-11-26T10:20:00Z');
  database = await createTestDatabase({ template: LEDGER_TEMPLATE });
  watchdog = await openWatchdog(database.url, clock);
});

afterEach(async () => {
  await watchdog?.close();
  await database?.drop();
});

const spendOf = (given: Partial<Spend>) => newSpend({ usageAt: clock.now().toISOString(), ...given });
const settle = (...spends: Spend[]) => watchdog.get(SettlementService).settle(spends);
const summary = () => watchdog.get(CostsService).summary();
const history = (by: 'hour' | 'day', since: string) => watchdog.get(CostsService).history({ by, since, limit: 1_000 });

/** An amount as the provider's own account has it. */
const report = (provider: string, amountUsd: string, usageAt: string) =>
  watchdog.database.query(
    `INSERT INTO entries (attempt_id, call_id, gateway, provider, model, tier, amount_nano, hold_nano, held_in, input_tokens,
       output_tokens, cached_tokens, usage_at, observed_at, counted_at, source, finality, outcome, latency_ms)
     VALUES ($1, $1, 'source', $2, '', '', $3::numeric * 1000000000, 0, '{}', 0, 0, 0, $4, now(), now(), 'reported', 'estimate', 'ok', 0)`,
    [`${provider}-${usageAt}`, provider, amountUsd, usageAt],
  );

describe('what is spent', () => {
  it('is told for the day, the week and the month, by model, each call once per model', async () => {
    await settle(
      spendOf({ callId: 'one', amountUsd: '1.00', outcome: 'failed' }),
      spendOf({ callId: 'one', amountUsd: '0.50' }),
      spendOf({ callId: 'one', amountUsd: '0.25', model: 'gpt-small' }),
    );
    await settle(
      spendOf({ callId: 'one', amountUsd: '0.25', model: 'gpt-small' }),
      spendOf({ amountUsd: '0', provider: 'ollama', model: 'llama', tier: 'tier_3_free' }),
      spendOf({ amountUsd: '4.00', usageAt: '2026-11-23T00:00:00Z' }),
      spendOf({ amountUsd: '8.00', usageAt: '2026-11-22T23:59:59Z' }),
      spendOf({ amountUsd: '16.00', usageAt: '2026-10-31T23:59:59Z' }),
    );
    expect(await summary()).toMatchObject({
      todayUsd: '2.00',
      weekUsd: '6.00',
      monthUsd: '14.00',
      byProvider: [
        { provider: 'openai', model: 'gpt-test', monthUsd: '13.50', requests: 3 },
        { provider: 'openai', model: 'gpt-small', monthUsd: '0.50', requests: 1 },
        { provider: 'ollama', model: 'llama', monthUsd: '0.00', requests: 1 },
      ],
      inUse: { provider: 'openai', model: 'gpt-test', tier: 'tier_1_paid' },
    });
  });

  it('names the model that answered last, whatever VMs have cost since then', async () => {
    await settle(
      spendOf({ amountUsd: '0.10' }),
      spendOf({ amountUsd: '0.01', provider: 'gcp', model: 'e2-highmem-4', tier: 'spot', capability: 'compute' }),
    );
    const { todayUsd, inUse } = await summary();
    expect([todayUsd, inUse]).toEqual(['0.11', expect.objectContaining({ provider: 'openai', model: 'gpt-test' })]);
  });

  it('lands in the hour and the day in which it was used, however late it is told, and once when told twice', async () => {
    const late = spendOf({ amountUsd: '2.00', usageAt: '2026-11-24T23:59:59.999Z', inputTokens: 7, outputTokens: 3 });
    await settle(late, spendOf({ amountUsd: '1.00' }));
    await settle(late, spendOf({ amountUsd: '0.50', usageAt: '2026-11-25T00:00:00Z' }));
    const usual = { inputTokens: 100, outputTokens: 20, requests: 1, provider: 'openai' };
    const hours = [
      { ...usual, at: '2026-11-24T23:00:00.000Z', amountUsd: '2.00', inputTokens: 7, outputTokens: 3 },
      { ...usual, at: '2026-11-25T00:00:00.000Z', amountUsd: '0.50' },
      { ...usual, at: '2026-11-26T10:00:00.000Z', amountUsd: '1.00' },
    ];
    expect((await history('hour', '2026-11-24T00:00:00Z')).spend).toEqual(hours);
    expect((await history('day', '2026-11-24T00:00:00Z')).spend).toEqual(
      hours.map((row) => ({ ...row, at: `${row.at.slice(0, 10)}T00:00:00.000Z` })),
    );
  });

  it('is added up once by several watchdogs that settle the same and different calls at the same time', async () => {
    const other = await openWatchdog(database.url, clock);
    const spends = Array.from({ length: 60 }, (_, n) =>
      spendOf({ callId: `c${n % 20}`, amountUsd: '0.01', provider: `p${n % 3}`, task: `t${n % 4}`, key: 'k' }),
    );
    const half = (from: number) => spends.slice(from, from + 40);
    await Promise.all(
      [watchdog, other].flatMap((one) => [0, 10, 20].map((from) => one.get(SettlementService).settle(half(from)))),
    );
    expect(await summary()).toMatchObject({ todayUsd: '0.60' });
    const sum = async (by: 'task' | 'key' | 'provider', ids: string[]) =>
      (await watchdog.get(LedgerService).sum({ by, ids })).sums.map(({ amountUsd, requests }) => [amountUsd, requests]);
    // 60 attempts of 20 calls, over three providers: each call came to each of them.
    expect(await sum('key', ['k', 'nobody'])).toEqual([
      ['0.60', 20],
      ['0.00', 0],
    ]);
    expect(await sum('task', ['t0', 't1', 't2', 't3'])).toEqual(Array(4).fill(['0.15', 5]));
    expect(await sum('provider', ['p0', 'p1', 'p2'])).toEqual(Array(3).fill(['0.20', 20]));
    await other.close();
  });

  it('is also what is in the ledger from the books of others, which are no requests', async () => {
    await settle(spendOf({ amountUsd: '3.00' }));
    await report('aws', '5.00', '2026-11-25T00:00:00Z');
    expect(await summary()).toMatchObject({
      todayUsd: '3.00',
      monthUsd: '8.00',
      byProvider: [
        { provider: 'aws', monthUsd: '5.00', requests: 0 },
        { provider: 'openai', monthUsd: '3.00', requests: 1 },
      ],
      inUse: { provider: 'openai' },
    });
    const { sums } = await watchdog.get(LedgerService).sum({ by: 'provider', ids: ['openai', 'aws'] });
    expect(sums.map(({ amountUsd, requests }) => [amountUsd, requests])).toEqual([
      ['3.00', 1],
      ['5.00', 0],
    ]);
  });

  it('was saved against the first paid tier, where its price was known', async () => {
    await settle(
      spendOf({ amountUsd: '0', provider: 'ollama', firstPaidUsd: '0.40' }),
      spendOf({ amountUsd: '0.10', model: 'gpt-small', firstPaidUsd: '0.30' }),
      spendOf({ amountUsd: '0.50', firstPaidUsd: '0.50' }),
      spendOf({ amountUsd: '0', provider: 'ollama' }),
      spendOf({ amountUsd: '0', provider: 'ollama', firstPaidUsd: '9.00', usageAt: '2026-10-01T00:00:00Z' }),
    );
    expect((await summary()).savedUsd).toBe('0.60');
    const [entry] = (await watchdog.get(LedgerService).query({ limit: 1 })).entries;
    expect(entry?.firstPaidUsd).toBe('9.00');
  });

  it('is forecast from whole days, once there are seven', async () => {
    expect((await summary()).forecast).toMatchObject({ enough: false, days: 0 });
    const day = (n: number) => `2026-11-${String(n).padStart(2, '0')}T12:00:00Z`;
    await settle(...[18, 19, 20, 21, 22, 23, 24, 25].map((n) => spendOf({ amountUsd: '2.00', usageAt: day(n) })));
    // $16 until yesterday; $2 for today and each of the four days after it.
    expect((await summary()).forecast).toEqual({
      enough: true,
      days: 7,
      projectedUsd: '26.00',
      lowUsd: '26.00',
      highUsd: '26.00',
    });
  });
});

it('an older ledger is rolled up as it would have been', async () => {
  const spends = Array.from({ length: 40 }, (_, n) =>
    spendOf({
      callId: `c${n % 13}`,
      amountUsd: `0.0${n % 7}`,
      provider: `p${n % 2}`,
      model: `m${n % 3}`,
      task: n % 5 === 0 ? null : `t${n % 5}`,
      project: n % 2 === 0 ? 'site' : null,
      usageAt: new Date(clock.now().getTime() - n * 5 * 3_600_000).toISOString(),
    }),
  );
  await settle(...spends);
  // By the database's clock: minutes are taken over of the last day alone.
  clock.set(new Date().toISOString());
  await settle(
    ...spends
      .slice(0, 3)
      .map((one) => ({ ...one, attemptId: `${one.attemptId}-now`, usageAt: new Date().toISOString() })),
  );
  await report('aws', '5.00', '2026-11-25T00:00:00Z');
  const rollups = async (sql: { query: Database['query'] }) => ({
    minutes: await sql.query(
      `SELECT * FROM spend_minutes WHERE minute > now() - interval '1 day' ORDER BY minute, provider, model`,
    ),
    hours: await sql.query('SELECT * FROM spend_hours ORDER BY hour, provider, model'),
    days: await sql.query('SELECT * FROM spend_days ORDER BY day, provider, model'),
    totals: await sql.query('SELECT * FROM spend_totals ORDER BY field, id'),
  });
  const kept = await rollups(watchdog.database);
  expect(kept.hours.length).toBeGreaterThan(30);
  expect(kept.minutes.length).toBeGreaterThan(0);
  await new RollUpLedger1700000003601().down({ query: (text: string) => watchdog.database.query(text) } as never);
  await watchdog.database.query('DELETE FROM migrations WHERE name = $1', [RollUpLedger1700000003601.name]);
  const again = await Database.open({
    url: database.url,
    schema: 'ledger',
    migrations: [CreateOutbox1700000000000, ...MIGRATIONS],
    applicationName: 'spec',
  });
  expect(await rollups(again)).toEqual(kept);
  await again.close();
});
