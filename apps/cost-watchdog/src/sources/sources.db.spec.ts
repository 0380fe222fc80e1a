import { CostsService } from '../costs/costs.service.js';
import { newSpend } from '../ledger/new-spend.fixture.js';
import { LedgerService } from '../ledger/ledger.service.js';
import { CorrectionsService } from '../ledger/corrections.service.js';
import { SettlementService } from '../ledger/settlement.service.js';
import { SourcePoller } from './poller.service.js';
import { ScriptedSource } from './scripted-source.fixture.js';
import { SourceBench } from './sources.fixture.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

let bench: SourceBench;
beforeEach(async () => void (bench = await SourceBench.open()));
afterEach(() => bench?.close());

describe('a provider that the gateway does not meter', () => {
  it('is in the ledger and in the budgets that match, at the time of its use', async () => {
    await bench.budget();
    await bench.budget({ id: 'aws', scope: { provider: 'aws' } });
    await bench.budget({ id: 'openai', scope: { provider: 'openai' } });
    await bench.budget({ id: 'alpha', scope: { project: 'alpha' } });
    await bench.budget({ id: 'day', period: 'day' });
    bench.source.rows = { '2026-11-18 compute': '12.34', '2026-11-19 storage alpha': '1', '2026-11-20 compute': '2' };
    await bench.poll();
    expect(bench.source.asked).toEqual(['2026-11-01 2026-11-21']);
    expect(await bench.entries()).toMatchObject([
      {
        amount: 1234n,
        source: 'reported',
        provider: 'aws',
        model: 'compute',
        usage_at: new Date('2026-11-18T12:00:00Z'),
      },
      { amount: 100n, model: 'storage', finality: 'estimate' },
      // Today's is of before it was told.
      { amount: 200n, usage_at: bench.clock.now() },
    ]);
    expect(await Promise.all(['b', 'aws', 'openai', 'alpha', 'day'].map((id) => bench.spent(id)))).toEqual([
      '15.34',
      '15.34',
      '0.00',
      '1.00',
      '2.00',
    ]);
  });

  it('is recorded beyond a limit, too', async () => {
    await bench.budget({ limitUsd: '1' });
    bench.source.rows = { '2026-11-18 compute': '5' };
    await bench.poll();
    expect(await bench.spent()).toBe('5.00');
    expect(await bench.alerts('budget_exhausted', 'critical')).toHaveLength(1);
  });

  it('is revised also where its books tell of days that they were not asked for', async () => {
    bench.source.heedsPeriod = false;
    bench.source.rows = { '2026-10-05 late': '10', '2026-11-20 compute': '1' };
    await bench.poll();
    expect(await bench.cents()).toEqual(['reported 1000', 'reported 100']);
    bench.source.rows = { '2026-10-05 late': '12', '2026-11-20 compute': '1' };
    await bench.later(HOUR);
    await bench.later(HOUR);
    expect(await bench.cents()).toEqual(['reported 1000', 'reported 100', 'reported 200']);
  });

  it('is corrected by what is revised, comes late or is gone, entry by entry', async () => {
    await bench.budget();
    bench.source.rows = { '2026-11-19 compute': '10', '2026-11-19 storage': '1', '2026-11-20 compute': '3' };
    await bench.poll();
    bench.source.rows = { '2026-11-19 compute': '8.5', '2026-11-20 compute': '4', '2026-11-18 late': '2' };
    await bench.later(HOUR);
    expect(await bench.cents()).toEqual([
      'reported 1000',
      'reported 100',
      'reported 300',
      'reported 200',
      'correction -150',
      'correction -100',
      'reported 100',
    ]);
    expect(await bench.spent()).toBe('14.50');
    await bench.later(HOUR);
    expect(await bench.entries()).toHaveLength(7);
    expect(bench.source.asked.slice(1)).toEqual(['2026-11-18 2026-11-21', '2026-11-18 2026-11-21']);
  });

  it('counts what the books said last, also after a person corrected it', async () => {
    await bench.budget();
    bench.source.rows = { '2026-11-19 compute': '10', '2026-11-20 compute': '3' };
    await bench.poll();
    const [{ attempt_id: attemptId }] = (await bench.watchdog.database.query<{ attempt_id: string }>(
      'SELECT attempt_id FROM entries ORDER BY seq LIMIT 1',
    )) as [{ attempt_id: string }];
    const correct = (actualUsd: string) =>
      bench.watchdog.get(CorrectionsService).correct({ attemptId, actualUsd, by: 'ada', reason: 'the invoice' });
    await correct('7');
    await bench.later(HOUR);
    // The books do not know it yet, and nothing new: what she said stands.
    expect(await bench.spent()).toBe('10.00');
    bench.source.rows = { '2026-11-19 compute': '7', '2026-11-20 compute': '3' };
    await bench.later(HOUR);
    expect(await bench.spent()).toBe('10.00');
    expect(await bench.cents()).toEqual(['reported 1000', 'reported 300', 'correction -300']);
    await correct('6');
    bench.source.rows = { '2026-11-19 compute': '6.5', '2026-11-20 compute': '3' };
    await bench.later(HOUR);
    expect(await bench.spent()).toBe('9.50');
  });

  it('is not looked for in the whole ledger when its books are read first', async () => {
    await bench.watchdog.database.transaction(async (tx) => {
      // Whoever reads entries waits for this, which waits for the reading.
      await tx.query('LOCK TABLE entries IN ACCESS EXCLUSIVE MODE');
      await bench.poll();
    });
    expect(await bench.status()).toMatchObject({ state: 'ok', counts: 'added' });
  }, 10_000);

  it('is read anew as a whole each day, and the month before until it is closed', async () => {
    bench.source.rows = { '2026-11-20 compute': '1' };
    await bench.poll();
    await bench.later(14 * HOUR);
    bench.clock.set('2026-12-03T01:00:00Z');
    await bench.later(HOUR);
    bench.clock.set('2026-12-08T01:00:00Z');
    await bench.later(HOUR);
    expect(bench.source.asked).toEqual([
      '2026-11-01 2026-11-21',
      '2026-11-01 2026-11-22',
      '2026-11-01 2026-12-04',
      '2026-12-01 2026-12-09',
    ]);
  });

  it('may have credits beyond what was spent: the ledger says so, and no limit is widened', async () => {
    await bench.budget({ limitUsd: '10' });
    bench.source.rows = { '2026-11-19 credit': '-40' };
    await bench.poll();
    expect(await bench.cents()).toEqual(['reported -4000']);
    expect(await bench.window()).toMatchObject({ settledUsd: '-40.00', remainingUsd: '10.00' });
  });

  it('is in a rolling window only as long as its day is: a month that is read at once does not fill it', async () => {
    await bench.budget({ id: 'rolling', period: { hours: 24 } });
    bench.source.rows = { '2026-11-05 compute': '50', '2026-11-19 compute': '3', '2026-11-20 compute': '2' };
    await bench.poll();
    expect(await bench.spent('rolling')).toBe('5.00');
    bench.source.rows = { ...bench.source.rows, '2026-11-05 compute': '45', '2026-11-19 compute': '4' };
    await bench.later(HOUR);
    expect(await bench.spent('rolling')).toBe('6.00');
    await bench.later(15 * HOUR);
    expect(await bench.spent('rolling')).toBe('2.00');
  });

  it('counts the same when a window is counted anew from the ledger', async () => {
    bench.source.rows = { '2026-11-19 compute': '10', '2026-11-20 compute': '3' };
    await bench.poll();
    bench.source.rows = { '2026-11-19 compute': '8', '2026-11-20 compute': '3' };
    await bench.later(HOUR);
    await bench.budget();
    expect(await bench.spent()).toBe('11.00');
  });
});

describe('a provider that the gateway meters', () => {
  const metered = (amountUsd: string, usageAt: string) =>
    bench.watchdog.get(SettlementService).settle([newSpend({ provider: 'openai', amountUsd, usageAt })]);

  beforeEach(() => {
    bench.source.provider = 'openai';
  });

  it('is compared, not added', async () => {
    await bench.budget();
    await metered('10', '2026-11-15T12:00:00Z');
    await metered('20', '2026-11-16T12:00:00Z');
    bench.source.rows = { '2026-11-15 gpt': '10.2', '2026-11-16 gpt': '20' };
    await bench.poll();
    expect(await bench.cents()).toEqual(['metered 1000', 'metered 2000']);
    expect(await bench.spent()).toBe('30.00');
    expect(await bench.status()).toMatchObject({
      counts: 'reconciled',
      monthUsd: '30.20',
      drift: { reportedUsd: '30.20', meteredUsd: '30.00', percent: 0.6, drifting: false },
    });
    expect(await bench.alerts('cost_drift')).toEqual([]);
  });

  it('alerts of a drift over 5 % once for the day and once for the month, and when it is over', async () => {
    await metered('10', '2026-11-15T12:00:00Z');
    bench.source.rows = { '2026-11-15 gpt': '15' };
    await bench.poll();
    bench.clock.set('2026-11-21T00:30:00Z');
    await bench.poll();
    expect((await bench.alerts('cost_drift')).map(({ details }) => details)).toMatchObject([
      { period: '2026-11-15', meteredUsd: '10.00', reportedUsd: '15.00', percent: 50 },
      { period: '2026-11' },
    ]);
    bench.source.rows = { '2026-11-15 gpt': '10' };
    bench.clock.set('2026-11-22T00:30:00Z');
    await bench.poll();
    expect(await bench.alerts('cost_drift')).toHaveLength(2);
    expect(await bench.alerts('cost_drift_ended', 'info')).toHaveLength(2);
  });

  it('has no drift on days that its books may not know yet, nor in cents', async () => {
    await metered('50', '2026-11-19T12:00:00Z');
    await metered('0.50', '2026-11-15T12:00:00Z');
    await bench.poll();
    bench.source.rows = { '2026-11-15 gpt': '0.90' };
    await bench.later(HOUR);
    expect(await bench.alerts('cost_drift')).toEqual([]);
  });

  it('is taken back from the ledger from the day on of its first metered call', async () => {
    await bench.budget();
    bench.source.rows = { '2026-11-18 gpt': '1', '2026-11-19 gpt': '2', '2026-11-20 gpt': '4' };
    await bench.poll();
    expect(await bench.spent()).toBe('7.00');
    await metered('5', '2026-11-19T15:00:00Z');
    await bench.later(HOUR);
    expect(await bench.cents()).toEqual([
      'reported 100',
      'reported 200',
      'reported 400',
      'metered 500',
      'correction -200',
      'correction -400',
    ]);
    expect(await bench.spent()).toBe('6.00');
  });

  it('is added all the same where configuration says so, and only compared where it says that', async () => {
    await metered('5', '2026-11-19T15:00:00Z');
    bench.configure('add');
    bench.source.rows = { '2026-11-19 gpt': '2' };
    await bench.poll();
    bench.configure('reconcile');
    await bench.later(HOUR);
    expect(await bench.cents()).toEqual(['metered 500', 'reported 200', 'correction -200']);
  });
});

describe("a source's own requests", () => {
  beforeEach(() => {
    bench.source.ownCosts = { service: 'API requests', inBooksAs: 'cost-explorer' };
    bench.source.ownCostUsd = '0.02';
  });

  it('are entries of their own, also when the reading failed half way', async () => {
    await bench.budget();
    await bench.poll();
    bench.source.breakDown('0.01');
    await bench.later(HOUR);
    expect(await bench.entries()).toMatchObject([
      { amount: 2n, source: 'reported', provider: 'aws', model: 'API requests', finality: 'final' },
      { amount: 1n, model: 'API requests' },
    ]);
    expect(await bench.spent()).toBe('0.03');
    expect(await bench.status()).toMatchObject({ ownMonthUsd: '0.03', ownTotalUsd: '0.03', state: 'failing' });
  });

  it('are not counted again when the books have them', async () => {
    await bench.poll();
    bench.source.rows = { '2026-11-20 cost-explorer': '0.05' };
    await bench.later(HOUR);
    // 5 cents by the books, of which 4 are ours: what somebody else asked is one.
    expect(await bench.cents()).toEqual(['reported 2', 'reported 2', 'reported 1']);
    bench.source.rows = { '2026-11-20 cost-explorer': '0.06' };
    await bench.later(HOUR);
    expect((await bench.cents()).slice(3)).toEqual(['reported 2', 'correction -1']);
  });

  it('are presumed of a watchdog that died over them, at what they cost before', async () => {
    await bench.poll();
    bench.clock.advance(HOUR);
    // It never ends: the process is gone.
    const dead = Object.assign(new ScriptedSource(), { read: () => new Promise<never>(() => undefined) });
    const other = await bench.another(dead);
    await other.get(SourcePoller).poll();
    const leased = () => bench.watchdog.database.query('SELECT name FROM cost_sources WHERE leased_by IS NOT NULL');
    while ((await leased()).length === 0);
    await bench.poll();
    expect(bench.source.asked).toHaveLength(1);
    await bench.later(6 * MINUTE);
    expect(bench.source.asked).toHaveLength(2);
    expect(await bench.entries()).toMatchObject([
      { amount: 2n, finality: 'final' },
      { amount: 2n, finality: 'presumed' },
      { amount: 2n, finality: 'final' },
    ]);
  });
});

it('adds what is reported to what is metered in the summary of costs', async () => {
  await bench.watchdog
    .get(LedgerService)
    .record([newSpend({ amountUsd: '1', usageAt: bench.clock.now().toISOString() })]);
  bench.source.rows = { '2026-11-20 compute': '3' };
  await bench.poll();
  expect(await bench.watchdog.get(CostsService).summary()).toMatchObject({ todayUsd: '4.00', monthUsd: '4.00' });
});
