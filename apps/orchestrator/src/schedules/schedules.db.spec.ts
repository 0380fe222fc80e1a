import type { PurserError } from '@purser/contracts';
import { Database } from '@purser/database';
import { createTestDatabase, type TestDatabase } from '@purser/testing';
import { openTasks } from '../on-postgres.fixture.js';
import { scheduleSpec, SchedulesOnPostgres, SetClock } from './schedules-on-postgres.fixture.js';

jest.setTimeout(60_000);

const NOW = '2026-11-29T00:00:00.000Z';
const HOURLY = { cron: '0 * * * *' };

describe('schedules', () => {
  let test: TestDatabase;
  let database: Database;
  let one: SchedulesOnPostgres;

  beforeEach(async () => {
    test = await createTestDatabase();
    database = await openTasks(test.url);
    one = new SchedulesOnPostgres(database, new SetClock(NOW));
  });

  afterEach(async () => {
    await database.close();
    await test.drop();
  });

  const refusal = (work: Promise<unknown>) =>
    work.then(
      () => undefined,
      (error: PurserError) => error,
    );

  it('submit a task at each fire time, and say what comes next', async () => {
    await one.make('hourly', {
      ...HOURLY,
      jitterSeconds: 600,
      deadlineSeconds: 3600,
      task: { executor: 'command', input: { argv: ['true'] }, labels: ['x'], budgetUsd: 1 },
    });
    await one.wakeAt('2026-11-29T00:59:59Z');
    expect(await one.taskIds()).toEqual([]);
    await one.wakeAt('2026-11-29T01:00:00Z');
    await one.wakeAt('2026-11-29T01:00:01Z');
    expect(await one.taskIds()).toEqual(['hourly-20261129T010000Z']);
    const task = await one.repository.find('hourly-20261129T010000Z');
    expect(task).toMatchObject({
      labels: ['x'],
      budget_nano: 1_000_000_000n,
      deadline: new Date('2026-11-29T02:00:00Z'),
    });
    const startsAt = task?.not_before?.toISOString() ?? '';
    expect(startsAt >= '2026-11-29T01:00:00.000Z' && startsAt < '2026-11-29T01:10:00.000Z').toBe(true);
    expect(await one.facts()).toEqual(['task.created.hourly-20261129T010000Z']);
    expect((await one.schedules.get('hourly')).schedule).toMatchObject({
      state: 'active',
      next: [2, 3, 4, 5, 6].map((hour) => `2026-11-29T0${hour}:00:00.000Z`),
      lastFire: { at: '2026-11-29T01:00:00.000Z', outcome: 'fired', taskId: 'hourly-20261129T010000Z', manual: false },
      missed: 0,
    });
  });

  it('end after a one-shot', async () => {
    await one.make('once', { at: '2026-11-29T03:00:00Z' });
    await one.wakeAt('2026-11-29T03:00:00Z');
    await one.wakeAt('2026-11-30T03:00:00Z');
    expect(await one.fires('once')).toEqual(['fired 03:00 once-20261129T030000Z']);
    expect((await one.schedules.get('once')).schedule).toMatchObject({ state: 'ended', next: [] });
  });

  it('catch up after a long sleep by their policy, and count what they pass over', async () => {
    await one.make('last', { ...HOURLY, overlap: 'queue' });
    await one.make('all', { ...HOURLY, overlap: 'queue', catchUp: 'all', catchUpLimit: 3 });
    await one.make('none', { ...HOURLY, overlap: 'queue', catchUp: 'none' });
    await one.wakeAt('2026-11-29T10:30:00Z');
    expect(await one.fires('last')).toEqual(['fired 10:00 last-20261129T100000Z']);
    expect(await one.fires('all')).toEqual(
      [8, 9, 10].map((hour) => {
        const two = String(hour).padStart(2, '0');
        return `fired ${two}:00 all-20261129T${two}0000Z`;
      }),
    );
    expect(await one.fires('none')).toEqual([]);
    const missed = async (id: string) => (await one.schedules.get(id)).schedule.missed;
    expect([await missed('last'), await missed('all'), await missed('none')]).toEqual([9, 7, 10]);
  });

  describe('that come upon the task of an earlier fire', () => {
    it('skip, and say why', async () => {
      await one.make('s', { ...HOURLY, overlap: 'skip' });
      await one.wakeAt('2026-11-29T01:00:00Z');
      await one.wakeAt('2026-11-29T02:00:00Z');
      expect(await one.doOne()).toBe('s-20261129T010000Z');
      await one.wakeAt('2026-11-29T03:00:00Z');
      expect(await one.fires('s')).toEqual([
        'fired 01:00 s-20261129T010000Z',
        'skipped 02:00 "s-20261129T010000Z" of an earlier fire is still ready',
        'fired 03:00 s-20261129T030000Z',
      ]);
    });

    it('queue behind it, one after the other', async () => {
      await one.make('q', { ...HOURLY, overlap: 'queue' });
      for (const hour of [1, 2, 3]) await one.wakeAt(`2026-11-29T0${hour}:00:00Z`);
      const states = async () =>
        (await database.query<{ state: string }>('SELECT state FROM tasks ORDER BY seq')).map(({ state }) => state);
      expect(await states()).toEqual(['ready', 'blocked', 'blocked']);
      expect((await one.repository.find('q-20261129T030000Z'))?.on_dependency_failure).toBe('ignore');
      expect(await one.doOne()).toBe('q-20261129T010000Z');
      expect(await states()).toEqual(['completed', 'ready', 'blocked']);
      expect(await one.doOne()).toBe('q-20261129T020000Z');
      expect(await one.doOne()).toBe('q-20261129T030000Z');
      expect(await one.doOne()).toBeUndefined();
    });

    it('cancel it; one that runs is asked to end, and waited for', async () => {
      await one.make('c', { ...HOURLY, overlap: 'cancel' });
      await one.wakeAt('2026-11-29T01:00:00Z');
      await one.wakeAt('2026-11-29T02:00:00Z');
      const find = (hour: number) => one.repository.find(`c-20261129T0${hour}0000Z`);
      expect(await find(1)).toMatchObject({ state: 'cancelled' });
      expect(await find(2)).toMatchObject({ state: 'ready' });
      const running = await one.takeOne();
      expect(running).toMatchObject({ taskId: 'c-20261129T020000Z' });
      await one.wakeAt('2026-11-29T03:00:00Z');
      expect(await find(2)).toMatchObject({ state: 'running', cancel_requested: true });
      expect(await find(3)).toMatchObject({ state: 'blocked', depends_on: ['c-20261129T020000Z'] });
      const { taskId = '', epoch = 0 } = running ?? {};
      const outcome = { kind: 'released' as const, reason: 'asked to end' };
      await one.work.finish({ requestId: 'f1', runner: 'r1', taskId, epoch, outcome });
      expect([await find(2), await find(3)]).toMatchObject([{ state: 'cancelled' }, { state: 'ready' }]);
    });
  });

  it('cancel what they replace on the one connection that they have', async () => {
    const narrow = await Database.connect({ url: test.url, schema: 'tasks', applicationName: 'spec', poolSize: 1 });
    try {
      const other = new SchedulesOnPostgres(narrow, new SetClock(NOW));
      await one.make('c', { ...HOURLY, overlap: 'cancel' });
      await one.wakeAt('2026-11-29T01:00:00Z');
      await other.wakeAt('2026-11-29T02:00:00Z');
      expect(await one.fires('c')).toHaveLength(2);
      expect(await one.repository.find('c-20261129T010000Z')).toMatchObject({ state: 'cancelled' });
    } finally {
      await narrow.close();
    }
  });

  it('fire each time once, with several orchestrators that wake up at the same moments', async () => {
    const others = await Promise.all([openTasks(test.url), openTasks(test.url)]);
    const all = [one, ...others.map((other) => new SchedulesOnPostgres(other, new SetClock(NOW)))];
    const ids = ['a', 'b', 'c', 'd', 'e'];
    for (const id of ids) await one.make(id, { cron: '* * * * *', overlap: 'queue', catchUp: 'all' });
    for (let minute = 1; minute <= 12; minute++) {
      const at = `2026-11-29T00:${String(minute).padStart(2, '0')}:00Z`;
      // Their clocks differ, too.
      const seconds = (index: number) => new Date(Date.parse(at) + index * 40_000 - 20_000).toISOString();
      await Promise.all(all.map((each, index) => each.wakeAt(seconds(index))));
    }
    await Promise.all(all.map((each) => each.wakeAt('2026-11-29T00:13:30Z')));
    const expected = ids.flatMap((id) =>
      Array.from({ length: 13 }, (_, index) => `${id}-20261129T00${String(index + 1).padStart(2, '0')}00Z`),
    );
    expect((await one.taskIds()).sort()).toEqual(expected);
    const fires = await database.query<{ task_id: string }>('SELECT task_id FROM schedule_fires');
    expect(fires.map(({ task_id }) => task_id).sort()).toEqual(expected);
    await Promise.all(others.map((other) => other.close()));
  });

  it('leave neither a fire nor a task when the orchestrator dies in between, and fire the next time', async () => {
    await one.make('h', HOURLY);
    // The server ends the connection that fires, as it does when the client's machine is gone.
    await database.query(`
      CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$`);
    await database.query('CREATE TRIGGER die AFTER INSERT ON schedule_fires FOR EACH ROW EXECUTE FUNCTION die()');
    await expect(one.wakeAt('2026-11-29T01:00:00Z')).rejects.toMatchObject({ code: 'unavailable' });
    expect([await one.taskIds(), await one.fires('h')]).toEqual([[], []]);
    await database.query('DROP TRIGGER die ON schedule_fires');
    await one.wakeAt('2026-11-29T01:00:02Z');
    await one.wakeAt('2026-11-29T01:00:03Z');
    expect([await one.taskIds(), await one.fires('h')]).toEqual([
      ['h-20261129T010000Z'],
      ['fired 01:00 h-20261129T010000Z'],
    ]);
  });

  it('fire nothing twice, and go on, when the clock leaps ahead and back', async () => {
    await one.make('h', { ...HOURLY, overlap: 'queue' });
    await one.wakeAt('2026-11-29T01:00:00Z');
    await one.wakeAt('2031-01-01T12:00:00Z');
    await one.wakeAt('2026-11-29T00:30:00Z');
    await one.wakeAt('2026-11-29T01:00:00Z');
    await one.wakeAt('2026-11-29T02:00:00Z');
    expect(await one.taskIds()).toEqual(['h-20261129T010000Z', 'h-20310101T120000Z', 'h-20261129T020000Z']);
    expect((await one.schedules.get('h')).schedule.next[0]).toBe('2026-11-29T03:00:00.000Z');
  });

  it('are paused and resumed without catching up, and triggered by hand all the while', async () => {
    await one.make('p', { ...HOURLY, overlap: 'queue' });
    expect(await one.schedules.pause('p', 'holidays')).toMatchObject({
      state: 'paused',
      pausedReason: 'holidays',
      next: [],
    });
    await one.wakeAt('2026-11-29T05:30:00.123Z');
    expect(await one.schedules.trigger('p')).toMatchObject({
      outcome: 'fired',
      manual: true,
      at: '2026-11-29T05:30:00.123Z',
      taskId: 'p-20261129T053000123Z',
    });
    expect(await one.schedules.trigger('p')).toMatchObject({ taskId: 'p-20261129T053000124Z' });
    expect(await one.schedules.resume('p')).toMatchObject({ state: 'active', missed: 0 });
    await one.wakeAt('2026-11-29T06:00:00Z');
    expect(await one.taskIds()).toEqual(['p-20261129T053000123Z', 'p-20261129T053000124Z', 'p-20261129T060000Z']);
  });

  it('are the same when made twice, refused with another content, and replaced by an update', async () => {
    await one.make('u', HOURLY);
    expect(await one.make('u', HOURLY)).toMatchObject({ id: 'u', state: 'active' });
    expect(await refusal(one.make('u', { ...HOURLY, overlap: 'queue' }))).toMatchObject({
      code: 'conflict',
      details: { fields: ['overlap'] },
    });
    one.clock.at = '2026-11-29T07:10:00Z';
    const updated = await one.schedules.update(scheduleSpec('u', { cron: '30 * * * *', timezone: 'Asia/Kolkata' }));
    expect(updated).toMatchObject({
      timezone: 'Asia/Kolkata',
      next: expect.arrayContaining(['2026-11-29T08:00:00.000Z']) as unknown,
    });
    await one.wakeAt('2026-11-29T07:59:00Z');
    expect(await one.taskIds()).toEqual([]);
    expect(await one.schedules.delete('u')).toEqual({ id: 'u', deleted: true });
    expect(await one.schedules.delete('u')).toEqual({ id: 'u', deleted: false });
    const gone = [
      () => one.schedules.get('u'),
      () => one.schedules.trigger('u'),
      () => one.schedules.pause('u', 'x'),
      () => one.schedules.resume('u'),
      () => one.schedules.update(scheduleSpec('u', HOURLY)),
    ];
    for (const asked of gone) {
      expect(await refusal(asked())).toMatchObject({ code: 'not_found', message: 'there is no schedule "u"' });
    }
  });

  it('record a task that is refused, and go on', async () => {
    await one.make('r', { ...HOURLY, overlap: 'queue' });
    await one.intake.create({
      ...scheduleSpec('x', HOURLY).task,
      id: 'r-20261129T010000Z',
      dependsOn: [],
      onDependencyFailure: 'fail',
      priority: 9,
    });
    await one.wakeAt('2026-11-29T01:00:00Z');
    await one.wakeAt('2026-11-29T02:00:00Z');
    expect(await one.fires('r')).toEqual([
      expect.stringMatching(/^refused 01:00 there is already a task "r-20261129T010000Z", with another .*priority/),
      'fired 02:00 r-20261129T020000Z',
    ]);
  });

  it('are paused by themselves, with the reason, when they cannot even be planned, and hold up no other', async () => {
    await one.make('broken', HOURLY);
    await one.make('whole', HOURLY);
    await database.query(
      `UPDATE schedules SET spec = '{"id":"broken","cron":"nonsense","timezone":"UTC"}' WHERE id = 'broken'`,
    );
    await one.wakeAt('2026-11-29T01:00:00Z');
    expect(await one.taskIds()).toEqual(['whole-20261129T010000Z']);
    expect(await database.query(`SELECT paused_reason FROM schedules WHERE id = 'broken'`)).toEqual([
      { paused_reason: expect.stringMatching(/^it cannot be fired: /) as string },
    ]);
  });

  it('refuse what could never be submitted', async () => {
    const input = { text: 'x'.repeat(5 * 1024 * 1024) };
    expect(await refusal(one.make('big', { ...HOURLY, task: { executor: 'command', input } }))).toMatchObject({
      code: 'payload_too_large',
    });
    expect(await refusal(one.make('wrong', { cron: '61 * * * *' }))).toMatchObject({
      code: 'invalid_request',
      details: { issues: [{ field: 'cron' }] },
    });
    expect(await one.schedules.list({ limit: 10 })).toEqual({ schedules: [], next: null });
  });

  it('are listed by id, in pages', async () => {
    for (const id of ['c', 'a', 'B']) await one.make(id, HOURLY);
    const first = await one.schedules.list({ limit: 2 });
    expect([first.schedules.map(({ id }) => id), first.next]).toEqual([['B', 'a'], 'a']);
    const rest = await one.schedules.list({ limit: 2, after: 'a' });
    expect([rest.schedules.map(({ id }) => id), rest.next]).toEqual([['c'], null]);
  });
});
