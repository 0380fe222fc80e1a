import { type BudgetStatus, taskBudgetId } from '@purser/contracts';
import { createTestDatabase, type TestDatabase } from '@purser/testing';
import { LatchRepository } from '../emergency/latch.repository.js';
import { LeasesService } from '../leases/leases.service.js';
import { LedgerService } from '../ledger/ledger.service.js';
import { newSpend } from '../ledger/new-spend.fixture.js';
import { SettlementService } from '../ledger/settlement.service.js';
import { budgetOf, HandClock, LEDGER_TEMPLATE, openWatchdog, type TestWatchdog } from '../watchdog.fixture.js';
import { WindowsService } from '../windows/windows.service.js';
import { BudgetsService } from './budgets.service.js';

let database: TestDatabase;
let watchdog: TestWatchdog;
let budgets: BudgetsService;
const clock = new HandClock(new Date('2026-11-23T10:00:00Z'));

beforeEach(async () => {
  clock.set('2026-11-23T10:00:00Z');
  database = await createTestDatabase({ template: LEDGER_TEMPLATE });
  watchdog = await openWatchdog(database.url, clock);
  budgets = watchdog.get(BudgetsService);
});

afterEach(async () => {
  await watchdog?.close();
  await database?.drop();
});

const set = (input: Parameters<typeof budgetOf>[0]) => budgets.set(budgetOf(input));
const spend = (given: Parameters<typeof newSpend>[0]) =>
  watchdog.get(SettlementService).settle([newSpend({ usageAt: clock.now().toISOString(), ...given })]);
const status = async (id: string): Promise<BudgetStatus | undefined> =>
  (await budgets.list({})).budgets.find((budget) => budget.id === id);
const settled = async (id: string) => (await status(id))?.window.settledUsd;
const HOUR = 3_600_000;

describe('budgets.set', () => {
  it('counts what is spent already, also beyond a new limit', async () => {
    await spend({ amountUsd: '3.00' });
    await spend({ amountUsd: '1.00', provider: 'anthropic' });
    await spend({ amountUsd: '9.00', usageAt: '2026-10-31T23:59:59Z' });
    expect(await set({ id: 'm', period: 'month', limitUsd: '2.00' })).toMatchObject({
      level: 'exhausted',
      window: { settledUsd: '4.00', remainingUsd: '0.00', startsAt: '2026-11-01T00:00:00.000Z' },
    });
    expect(await set({ id: 'a', scope: { provider: 'anthropic' }, period: 'total', limitUsd: 5 })).toMatchObject({
      level: 'ok',
      limitUsd: '5.00',
      window: { settledUsd: '1.00' },
    });
  });

  it('takes no reserve for a budget whose calls are all of one priority', async () => {
    const reserve = { share: 0.1, minPriority: 8 };
    await expect(
      set({ id: 'mine', period: 'total', limitUsd: '1', scope: { task: 'x' }, reserve }),
    ).rejects.toMatchObject({
      code: 'invalid_request',
      message: expect.stringContaining('no calls of different priorities') as unknown,
    });
  });

  it.each([
    ['for everything under the id of a task’s budget', { id: 'task-x' }, 'invalid_request', 'begin with "task-"'],
    [
      'for one task under the id of another’s',
      { id: 'task-x', scope: { task: 'y' } },
      'invalid_request',
      'that of the task "y" is "task-y"',
    ],
    ['for everything in place of a task’s', { id: 'mine' }, 'conflict', 'is for the task "x"'],
    ['for one task in place of another’s', { id: 'mine', scope: { task: 'y' } }, 'conflict', 'is for the task "x"'],
    ['for a task in place of one for everything', { id: 'all', scope: { task: 'x' } }, 'conflict', 'not for a single'],
  ])('refuses one %s, and says why', async (_what, wrong, code, message) => {
    await set({ id: 'all', period: 'month', limitUsd: '9' });
    await set({ id: 'mine', period: 'total', limitUsd: '1', scope: { task: 'x' } });
    const refusal = { code, message: expect.stringContaining(message) as string };
    await expect(set({ period: 'total', limitUsd: '5', ...wrong })).rejects.toMatchObject(refusal);
    expect(await status('all')).toMatchObject({ limitUsd: '9.00', scope: {} });
    expect((await budgets.list({ task: 'x' })).budgets).toMatchObject([{ id: 'mine', limitUsd: '1.00' }]);
  });

  it('takes another limit for a task, and an id again whose budget was deleted', async () => {
    await set({ id: 'task-x', period: 'total', limitUsd: '1', scope: { task: 'x' } });
    expect(await set({ id: 'task-x', period: 'total', limitUsd: '2', scope: { task: 'x' } })).toMatchObject({
      limitUsd: '2.00',
    });
    await set({ id: 'again', period: 'total', limitUsd: '1', scope: { task: 'x' } });
    await budgets.delete({ id: 'again', by: 'ada', reason: 'a spec' });
    expect(await set({ id: 'again', period: 'month', limitUsd: '3' })).toMatchObject({ limitUsd: '3.00', scope: {} });
  });

  it('changes nothing when it says the same again', async () => {
    await set({ id: 'b', period: 'day', limitUsd: '1.5' });
    const before = await budgets.list({});
    await set({ id: 'b', period: 'day', limitUsd: '1.500', timezone: 'UTC' });
    expect(await budgets.list({})).toEqual(before);
    expect(await watchdog.database.query('SELECT by, reason FROM budget_changes')).toEqual([
      { by: 'ada', reason: 'a spec' },
    ]);
  });

  it('raises the revision with every change, and only then', async () => {
    const revision = async () => (await budgets.list({})).revision;
    const first = await revision();
    await set({ id: 'b', period: 'day', limitUsd: '1' });
    expect(await revision()).toBe(first + 1);
    await spend({ amountUsd: '0.10' });
    expect(await revision()).toBe(first + 1);
    clock.advance(24 * HOUR);
    expect(await revision()).toBe(first + 2);
  });

  it('of a task concerns gateways that know the task, and no other', async () => {
    const { revision, taskBudgetsRevision } = await budgets.list({});
    const recalls = () =>
      watchdog.published.filter(({ subject }) => subject === 'leases.recall').map(({ data }) => data);
    const of = (task: string) => ({ id: `task-${task}`, scope: { task }, period: 'day' as const });
    const { window } = await set({ ...of('t1'), limitUsd: '1' });
    await set({ ...of('t2'), limitUsd: '1' });
    expect(recalls()).toEqual([]);
    const now = await budgets.list({ only: 'general' });
    expect(now).toMatchObject({ revision, budgets: [] });
    expect(await budgets.changed({ since: taskBudgetsRevision })).toEqual({
      taskBudgetsRevision: now.taskBudgetsRevision,
      tasks: expect.arrayContaining(['t1', 't2']) as string[],
    });
    const since = now.taskBudgetsRevision;
    expect((await budgets.changed({ since })).tasks).toEqual([]);
    await set({ id: 'all', period: 'day', limitUsd: '1' });
    expect((await budgets.changed({ since })).tasks).toEqual([]);
    await set({ ...of('t1'), limitUsd: '0.5' });
    expect((await budgets.changed({ since })).tasks).toEqual(['t1']);
    expect(recalls().at(-1)).toMatchObject({ windowIds: [window.id] });
    await budgets.retire({ task: 't2' });
    expect((await budgets.changed({ since })).tasks?.sort()).toEqual(['t1', 't2']);
    // A new day of a task's budget is no change of any other's.
    const { revision: before } = await budgets.list({});
    await budgets.delete({ id: 'all', by: 'ada', reason: '' });
    clock.advance(24 * HOUR);
    expect((await budgets.list({})).revision).toBe(before + 1);
  });

  it('goes back to ok when the limit is raised, and says each level once', async () => {
    await set({ id: 'b', period: 'day', limitUsd: '1.00' });
    for (const amountUsd of ['0.74', '0.01', '0.05', '0.15', '0.05', '0.30']) await spend({ amountUsd });
    await set({ id: 'b', period: 'day', limitUsd: '10.00' });
    const levels = [];
    for (const level of ['warning', 'critical', 'exhausted', 'ok']) {
      levels.push(...(await watchdog.facts(`budget.${level}.b`)));
    }
    expect(levels).toMatchObject([
      { previous: 'ok', level: 'warning', window: { settledUsd: '0.75' } },
      { previous: 'warning', level: 'critical', window: { settledUsd: '0.95' } },
      { previous: 'critical', level: 'exhausted', window: { settledUsd: '1.00' } },
      { previous: 'exhausted', level: 'ok', limitUsd: '10.00', window: { settledUsd: '1.30' } },
    ]);
    expect(await watchdog.facts('alert.critical.budget_exhausted')).toHaveLength(1);
    expect(await watchdog.facts('alert.info.budget_ok')).toHaveLength(1);
  });

  it('keeps what gateways hold when scope and period change, and counts the new scope', async () => {
    const day = await set({ id: 'b', period: 'day', limitUsd: '10.00' });
    const windowId = day.window.id;
    const grant = (needUsd: string) =>
      watchdog
        .get(LeasesService)
        .grant({ gateway: 'g1', windows: [{ windowId, grantedUsd: '0', needUsd, wantUsd: needUsd }] });
    await grant('2.00');
    await spend({ amountUsd: '1.00', holdUsd: '1.00', windows: [windowId] });
    await spend({ amountUsd: '0.50', provider: 'anthropic', usageAt: '2026-11-02T10:00:00Z' });
    const changed = await set({ id: 'b', scope: { provider: 'anthropic' }, period: 'month', limitUsd: '10.00' });
    expect(changed.window).toMatchObject({ id: windowId, settledUsd: '0.50', leasedUsd: '1.00' });
    // A call that was held before the change: the lease is settled, but it is not of the new scope.
    await spend({ amountUsd: '1.00', holdUsd: '1.00', windows: [windowId] });
    expect((await status('b'))?.window).toMatchObject({ settledUsd: '0.50', leasedUsd: '0.00' });
  });

  it('counts the days of a month in which the budget was a daily one', async () => {
    await set({ id: 'b', period: 'day', limitUsd: '10.00' });
    clock.set('2026-11-01T09:00:00Z');
    await watchdog.get(WindowsService).roll();
    await spend({ amountUsd: '1.00' });
    clock.set('2026-11-23T10:00:00Z');
    await spend({ amountUsd: '2.00' });
    expect((await set({ id: 'b', period: 'month', limitUsd: '10.00' })).window.settledUsd).toBe('3.00');
    await spend({ amountUsd: '0.25' });
    expect(await settled('b')).toBe('3.25');
  });

  it('brings a deleted budget back with all that was spent meanwhile', async () => {
    await set({ id: 'b', period: 'day', limitUsd: '10.00' });
    await spend({ amountUsd: '1.00' });
    await budgets.delete({ id: 'b', by: 'ada', reason: '' });
    expect(await status('b')).toBeUndefined();
    await spend({ amountUsd: '2.00' });
    expect((await set({ id: 'b', period: 'day', limitUsd: '10.00' })).window.settledUsd).toBe('3.00');
  });

  it('sets the latch when a shutdown budget is exhausted, once', async () => {
    await set({ id: 'stop', period: 'day', limitUsd: '1.00', onExhausted: 'shutdown' });
    await spend({ amountUsd: '0.99' });
    expect(await watchdog.get(LatchRepository).read(watchdog.database)).toMatchObject({ active: false, serial: 0 });
    await spend({ amountUsd: '0.01' });
    await spend({ amountUsd: '0.01' });
    const latch = await watchdog.get(LatchRepository).read(watchdog.database);
    expect(latch).toMatchObject({ active: true, serial: 1, by: 'budget stop', announced: false });
    expect(await watchdog.facts('alert.critical.emergency')).toHaveLength(1);
  });
});

describe('the budget that a task was given', () => {
  it('is removed for the orchestrator alone, when the task has ended, and not by a person', async () => {
    const long = 'x'.repeat(64);
    const ids = ['x', long].map((task) => taskBudgetId(task));
    for (const [n, task] of ['x', long].entries())
      await set({ id: ids[n] ?? '', period: 'total', limitUsd: '1', scope: { task } });
    const another = await set({ id: 'more', period: 'day', limitUsd: '1', scope: { task: 'x' } });
    for (const id of ids) {
      const deleting = budgets.delete({ id, by: 'ada', reason: 'a spec' });
      await expect(deleting).rejects.toMatchObject({
        code: 'conflict',
        message: expect.stringContaining(`purser budget set ${id} --limit`) as string,
      });
    }
    expect(await budgets.delete({ id: 'more', by: 'ada', reason: '' })).toEqual({ id: another.id, deleted: true });
    expect((await budgets.list({})).budgets.map(({ id }) => id)).toEqual(ids);
    expect(await budgets.retire({ task: long })).toEqual({ id: ids[1], deleted: true });
    expect(await budgets.retire({ task: long })).toEqual({ id: ids[1], deleted: false });
    expect((await budgets.list({})).budgets.map(({ id }) => id)).toEqual(['task-x']);
    expect(await watchdog.database.query('SELECT by, reason FROM budget_changes ORDER BY seq DESC LIMIT 1')).toEqual([
      { by: 'orchestrator', reason: `task ${long} has ended` },
    ]);
  });
});

describe('windows', () => {
  it('roll over by themselves and say that the budget is ok again', async () => {
    await set({ id: 'b', period: 'day', limitUsd: '1.00' });
    await spend({ amountUsd: '1.00' });
    clock.set('2026-11-24T00:00:00Z');
    expect(await status('b')).toMatchObject({
      level: 'ok',
      window: { startsAt: '2026-11-24T00:00:00.000Z', settledUsd: '0.00', remainingUsd: '1.00' },
    });
    expect(await watchdog.facts('budget.ok.b')).toMatchObject([{ previous: 'exhausted', level: 'ok' }]);
  });

  it('of a new budget count a call that is being settled at that very moment', async () => {
    const { window } = await set({ id: 'b', period: 'day', limitUsd: '1.00' });
    let told = false;
    const { settling, setting } = await watchdog.database.transaction(async (tx) => {
      // The settlement has written its entry, and waits for the window of the budget that is there.
      await tx.query('SELECT FROM windows WHERE id = $1 FOR UPDATE', [window.id]);
      const settling = spend({ amountUsd: '0.25' });
      await watchdog.waiting(1);
      const setting = set({ id: 'new', period: 'day', limitUsd: '1.00' }).finally(() => (told = true));
      await watchdog.waiting(2, () => told);
      return { settling: { done: settling }, setting: { done: setting } };
    });
    await settling.done;
    await setting.done;
    expect([await settled('b'), await settled('new')]).toEqual(['0.25', '0.25']);
  });

  it('are opened once by several watchdogs', async () => {
    const other = await openWatchdog(database.url, clock);
    await set({ id: 'b', period: 'day', limitUsd: '1.00' });
    clock.advance(24 * HOUR);
    const rolls = [watchdog, other, watchdog, other].map((one) => one.get(WindowsService).roll());
    await Promise.all(rolls);
    expect(await watchdog.database.query('SELECT count(*) AS n FROM windows')).toEqual([{ n: 2n }]);
    await other.close();
  });

  it('take a call that crosses midnight where it was held, and late spend where it was used', async () => {
    const monday = await set({ id: 'b', period: 'day', limitUsd: '10.00' });
    clock.set('2026-11-24T00:00:01Z');
    await spend({ amountUsd: '1.00', windows: [monday.window.id] });
    await spend({ amountUsd: '2.00', usageAt: '2026-11-23T23:59:59Z' });
    await spend({ amountUsd: '4.00' });
    await spend({ amountUsd: '0.50', usageAt: '2026-11-20T12:00:00Z' });
    expect(await settled('b')).toBe('4.00');
    const rows = await watchdog.database.query<{ settled_nano: bigint }>(
      'SELECT settled_nano FROM windows ORDER BY starts_at',
    );
    expect(rows.map((row) => Number(row.settled_nano) / 1e9)).toEqual([0.5, 3, 4]);
  });

  it('take a call that was held in one that was over when the budget became another', async () => {
    const monday = await set({ id: 'b', period: 'day', limitUsd: '10.00' });
    clock.set('2026-11-24T00:00:01Z');
    await watchdog.get(WindowsService).roll();
    await set({ id: 'b', period: 'month', limitUsd: '10.00' });
    await spend({ amountUsd: '1.00', windows: [monday.window.id] });
    expect(await settled('b')).toBe('1.00');
    expect((await set({ id: 'b', period: 'week', limitUsd: '10.00' })).window.settledUsd).toBe('1.00');
  });

  it('of rolling budgets never close, and lose spend by the hour', async () => {
    const { window } = await set({ id: 'r', period: { hours: 2 }, limitUsd: '10.00' });
    expect(window).toMatchObject({ startsAt: '2026-11-23T08:00:00.000Z', endsAt: null });
    await spend({ amountUsd: '1.00' });
    clock.set('2026-11-23T11:30:00Z');
    await spend({ amountUsd: '2.00', windows: [window.id] });
    clock.set('2026-11-23T12:59:59Z');
    expect(await settled('r')).toBe('3.00');
    clock.set('2026-11-23T13:00:00Z');
    expect((await status('r'))?.window).toMatchObject({ id: window.id, settledUsd: '2.00' });
    clock.set('2026-11-23T14:00:00Z');
    expect(await settled('r')).toBe('0.00');
  });

  it.each([
    ['hours behind', '2026-11-23T03:00:00Z'],
    ['hours ahead', '2026-11-23T15:00:00Z'],
  ])('of rolling budgets neither lose nor keep the spend of a gateway whose clock is %s', async (_what, usageAt) => {
    const day = await set({ id: 'd', period: 'day', limitUsd: '10.00' });
    const { window } = await set({ id: 'r', period: { hours: 2 }, limitUsd: '10.00' });
    await spend({ amountUsd: '1.00', usageAt });
    await spend({ amountUsd: '2.00', usageAt, windows: [day.window.id, window.id] });
    expect(await settled('r')).toBe('3.00');
    // Counted anew from the ledger: by a change, by a new budget, and as the window moves on.
    expect((await set({ id: 'r', period: { hours: 3 }, limitUsd: '10.00' })).window.settledUsd).toBe('3.00');
    expect((await set({ id: 'new', period: { hours: 1 }, limitUsd: '10.00' })).window.settledUsd).toBe('3.00');
    clock.set('2026-11-23T13:59:59Z');
    expect([await settled('r'), await settled('new')]).toEqual(['3.00', '0.00']);
    for (const later of ['2026-11-23T14:00:00Z', '2026-11-23T15:30:00Z']) {
      clock.set(later);
      expect([await settled('r'), await settled('new')]).toEqual(['0.00', '0.00']);
    }
    // A calendar day takes the gateway's word: the ledger keeps both.
    expect(await settled('d')).toBe('3.00');
    const [entry] = (await watchdog.get(LedgerService).query({ limit: 1 })).entries;
    expect([entry?.usageAt, entry?.countedAt].map((at) => Date.parse(at ?? ''))).toEqual(
      [usageAt, '2026-11-23T10:00:00Z'].map((at) => Date.parse(at)),
    );
  });
});

describe('the list', () => {
  it('leaves out budgets of quiet tasks, which can be asked for', async () => {
    const quiet = await set({ id: 'quiet', scope: { task: 't1' }, period: 'total', limitUsd: '1' });
    await set({ id: 'busy', scope: { task: 't2' }, period: 'total', limitUsd: '1' });
    const held = await set({ id: 'held', scope: { task: 't3' }, period: 'total', limitUsd: '1' });
    await set({ id: 'all', period: 'month', limitUsd: '1' });
    const windows = [{ windowId: held.window.id, grantedUsd: '0', needUsd: '0.5', wantUsd: '0.5' }];
    await watchdog.get(LeasesService).grant({ gateway: 'g', windows });
    const ids = async (task?: string) =>
      (await budgets.list(task === undefined ? {} : { task })).budgets.map(({ id }) => id);
    expect(await ids()).toEqual(['all', 'busy', 'held', 'quiet']);
    clock.advance(HOUR + 1);
    await spend({ task: 't2', amountUsd: '0.01' });
    expect(await ids()).toEqual(['all', 'busy', 'held']);
    expect(await ids('t1')).toEqual(['quiet']);
    expect((await budgets.list({ task: 't1' })).budgets[0]?.window).toEqual(quiet.window);
  });
});
