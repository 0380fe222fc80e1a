import { createTestDatabase, type TestDatabase } from '@purser/testing';
import { budgetOf, HandClock, LEDGER_TEMPLATE, openWatchdog, type TestWatchdog } from '../watchdog.fixture.js';
import { parseBudgetsFile } from './budgets-file.js';
import { WindowChanges } from '../windows/window-changes.js';
import { BudgetsService } from './budgets.service.js';
import { dailySpendCap } from './daily-spend-cap.js';
import { DefinitionsService } from './definitions.service.js';
import { FileFollower } from './file-follower.service.js';

let database: TestDatabase;
const clock = new HandClock(new Date('2026-11-23T10:00:00Z'));

beforeEach(async () => {
  database = await createTestDatabase({ template: LEDGER_TEMPLATE });
});

afterEach(() => database.drop());

/** One start with this file (none: undefined), something done while it runs, and the limits after it. */
async function run(
  file: Record<string, string> | undefined,
  work: (budgets: BudgetsService, watchdog: TestWatchdog) => Promise<unknown> = () => Promise.resolve(),
  cap?: string,
): Promise<Record<string, string>> {
  const text = JSON.stringify({
    budgets: Object.entries(file ?? {}).map(([id, limitUsd]) => ({ id, period: 'month', limitUsd })),
  });
  const parsed = file ? { found: true, ...parseBudgetsFile(text, 'budgets.json') } : {};
  const fromEnvironment = cap === undefined ? {} : { cap: dailySpendCap(cap) };
  const watchdog = await openWatchdog(database.url, clock, { ...parsed, ...fromEnvironment });
  try {
    await watchdog.get(FileFollower).apply();
    const budgets = watchdog.get(BudgetsService);
    await work(budgets, watchdog);
    return Object.fromEntries((await budgets.list({})).budgets.map(({ id, limitUsd }) => [id, limitUsd]));
  } finally {
    await watchdog.close();
  }
}

const setTo = (id: string, limitUsd: string) => (budgets: BudgetsService) =>
  budgets.set(budgetOf({ id, period: 'month', limitUsd }));

describe('budgets of the file', () => {
  it('follow the file', async () => {
    expect(await run({ a: '1', b: '2' })).toEqual({ a: '1.00', b: '2.00' });
    expect(await run({ a: '1', b: '3', c: '4' })).toEqual({ a: '1.00', b: '3.00', c: '4.00' });
    expect(await run({ c: '4' })).toEqual({ c: '4.00' });
    expect(await run({ a: '1', c: '4' })).toEqual({ a: '1.00', c: '4.00' });
  });

  it('follow its reserves', async () => {
    const start = async (reserve?: object) => {
      const text = JSON.stringify({
        budgets: [{ id: 'a', period: 'month', limitUsd: '10', ...(reserve ? { reserve } : {}) }],
      });
      const watchdog = await openWatchdog(database.url, clock, {
        found: true,
        ...parseBudgetsFile(text, 'budgets.json'),
      });
      try {
        await watchdog.get(FileFollower).apply();
        const { revision, budgets } = await watchdog.get(BudgetsService).list({});
        return { revision, reserve: budgets[0]?.reserve, reservedUsd: budgets[0]?.window.reservedUsd };
      } finally {
        await watchdog.close();
      }
    };
    const none = await start();
    expect(none).toMatchObject({ reserve: undefined, reservedUsd: undefined });
    const share = await start({ share: 0.1, minPriority: 8 });
    expect(share).toMatchObject({ reserve: { share: 0.1, minPriority: 8 }, reservedUsd: '1.00' });
    expect(share.revision).toBeGreaterThan(none.revision);
    expect((await start({ share: 0.1, minPriority: 8 })).revision).toBe(share.revision);
    const amount = await start({ amountUsd: 2, minPriority: 8 });
    expect(amount).toMatchObject({ reserve: { amountUsd: '2.00', minPriority: 8 }, reservedUsd: '2.00' });
    expect(await start()).toMatchObject({ reserve: undefined, reservedUsd: undefined });
  });

  it('call back what gateways hold under the older terms, and nothing when nothing changed', async () => {
    const recalled = (watchdog: TestWatchdog) =>
      watchdog.published
        .filter(({ subject }) => subject === 'leases.recall')
        .map(({ data }) => (data as { windowIds: string[] }).windowIds);
    const ids: string[] = [];
    await run({ a: '1', b: '2', c: '3' }, async (budgets) => {
      for (const { window } of (await budgets.list({})).budgets) ids.push(window.id);
    });
    const [a, b] = ids;
    await run({ a: '0.5', c: '3' }, async (_, watchdog) => {
      expect(recalled(watchdog).map((one) => one.sort())).toEqual([[a, b]]);
      const { revision } = await watchdog.get(BudgetsService).list({});
      expect(watchdog.published.at(-1)?.data).toMatchObject({ revision });
    });
    await run({ a: '0.5', c: '3' }, (_, watchdog) => Promise.resolve(expect(recalled(watchdog)).toEqual([])));
  });

  it('keep what a person set until the file says something new', async () => {
    expect(await run({ a: '1' }, setTo('a', '7'))).toEqual({ a: '7.00' });
    expect(await run({ a: '1' })).toEqual({ a: '7.00' });
    expect(await run({ a: '2' })).toEqual({ a: '2.00' });
  });

  it('stay deleted when a person deleted them, until the file says something new', async () => {
    const gone = (budgets: BudgetsService) => budgets.delete({ id: 'a', by: 'ada', reason: '' });
    expect(await run({ a: '1' }, gone)).toEqual({});
    expect(await run({ a: '1' })).toEqual({});
    expect(await run({ a: '2' })).toEqual({ a: '2.00' });
  });

  it('stay when they leave the file after a person changed them', async () => {
    await run({ a: '1', b: '1' }, setTo('a', '7'));
    expect(await run({})).toEqual({ a: '7.00' });
    expect(await run({})).toEqual({ a: '7.00' });
  });

  it('leave with the file also when an older Purser took one under the id of a task', async () => {
    const { by, reason, ...budget } = budgetOf({
      id: 'task-nightly',
      period: 'month',
      limitUsd: '5',
      scope: { task: 'nightly' },
    });
    await run({}, async (budgets, watchdog) => {
      const change = { by, reason, origin: 'config' as const, fileContent: budget };
      const definitions = watchdog.get(DefinitionsService);
      await watchdog.get(WindowChanges).commit((tx, touched) => definitions.define(tx, touched, budget, change));
      expect((await budgets.list({ task: 'nightly' })).budgets).toMatchObject([{ id: 'task-nightly' }]);
    });
    await run({ nightly: '5' }, async (budgets) => {
      expect((await budgets.list({ task: 'nightly' })).budgets).toEqual([]);
    });
  });

  it('stay as they are without a file', async () => {
    await run({ a: '1' });
    expect(await run(undefined)).toEqual({ a: '1.00' });
  });

  it('leave those alone that a person made', async () => {
    expect(await run({ a: '1' }, setTo('mine', '9'))).toEqual({ a: '1.00', mine: '9.00' });
    expect(await run({ a: '1' })).toEqual({ a: '1.00', mine: '9.00' });
    expect(await run({ mine: '3' })).toEqual({ mine: '3.00' });
  });
});

describe('DAILY_SPEND_CAP', () => {
  const capped = (cap: string | undefined, file?: Record<string, string>, work?: Parameters<typeof run>[1]) =>
    run(file, work, cap);

  it('is a hard budget for each day, beside those of the file and without one', async () => {
    expect(await capped('0.5', { a: '1' })).toEqual({ a: '1.00', 'daily-spend-cap': '0.50' });
    await capped('0.5', undefined, async (budgets) => {
      expect((await budgets.list({})).budgets[1]).toMatchObject({
        ...{ period: 'day', scope: {}, timezone: 'UTC', onExhausted: 'free' },
        thresholds: { warning: 0.8, critical: 0.9, cutoff: 1 },
      });
    });
    expect(await capped('0.7')).toEqual({ a: '1.00', 'daily-spend-cap': '0.70' });
  });

  it('goes when the variable goes, with a file or without, unless a person changed it', async () => {
    await capped('0.5', { a: '1' });
    expect(await capped(undefined)).toEqual({ a: '1.00' });
    await capped('0.5', { a: '1' });
    expect(await capped(undefined, { a: '1' })).toEqual({ a: '1.00' });
    const change = (budgets: BudgetsService) => budgets.set(budgetOf({ ...dailySpendCap('0.9') }));
    await capped('0.6', undefined, change);
    expect(await capped('0.6')).toMatchObject({ 'daily-spend-cap': '0.90' });
    expect(await capped(undefined)).toMatchObject({ 'daily-spend-cap': '0.90' });
  });

  it('that only has its id is of the file, and stays when the file is lost', async () => {
    await run({ 'daily-spend-cap': '3' });
    expect(await run(undefined)).toEqual({ 'daily-spend-cap': '3.00' });
    expect(await run({})).toEqual({});
  });

  it('wins over what the file has under its id', async () => {
    expect(await capped('0.5', { 'daily-spend-cap': '3' })).toEqual({ 'daily-spend-cap': '0.50' });
    expect(await capped(undefined, { 'daily-spend-cap': '3' })).toEqual({ 'daily-spend-cap': '3.00' });
  });
});
