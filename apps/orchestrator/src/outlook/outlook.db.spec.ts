import { TaskSpec, type TaskSpecInput } from '@purser/contracts';
import { createTestDatabase, type TestDatabase } from '@purser/testing';
import type { Database } from '@purser/database';
import { OnPostgres, openTasks } from '../on-postgres.fixture.js';
import { SchedulesOnPostgres, SetClock } from '../schedules/schedules-on-postgres.fixture.js';
import { OutlookRepository } from './outlook.repository.js';

jest.setTimeout(60_000);

const BEFORE = '2020-01-01T00:00:00Z';

describe('the outlook on work', () => {
  let test: TestDatabase;
  let database: Database;
  let one: OnPostgres;
  let outlook: OutlookRepository;

  beforeAll(async () => {
    test = await createTestDatabase();
    database = await openTasks(test.url);
    one = new OnPostgres(database);
    outlook = new OutlookRepository(database);
  });

  afterAll(async () => {
    await database.close();
    await test.drop();
  });

  const submit = (id: string, more: Partial<TaskSpecInput> = {}) =>
    one.intake.create(TaskSpec.parse({ id, executor: 'command', input: { argv: ['true'] }, ...more }));

  it('counts what may run, what waits and why, and tells when the next is due', async () => {
    expect(await outlook.waiting()).toMatchObject({ running: 0, delayed: 0, blocked: 0, paused: 0, next_at: null });
    await submit('now');
    await submit('other', { executor: 'chat' });
    await submit('later', { notBefore: '2098-01-01T00:00:00Z' });
    await submit('after', { dependsOn: ['later'] });
    expect(await outlook.waiting()).toMatchObject({
      running: 0,
      delayed: 1,
      blocked: 1,
      next_at: new Date('2098-01-01T00:00:00Z'),
    });
    expect((await outlook.ready()).sort((a, b) => (a.executor < b.executor ? -1 : 1))).toEqual([
      { executor: 'chat', count: 1 },
      { executor: 'command', count: 1 },
    ]);
    const schedules = new SchedulesOnPostgres(database, new SetClock('2026-11-29T00:00:00Z'));
    await schedules.make('s', { everySeconds: 60 });
    expect((await outlook.waiting()).next_at).toEqual(new Date('2026-11-29T00:01:00Z'));
    await schedules.schedules.pause('s', 'not now');
    expect((await outlook.waiting()).next_at).toEqual(new Date('2098-01-01T00:00:00Z'));
  });

  it('tells what was worked on since a time', async () => {
    expect(await outlook.workedOn(BEFORE, 10)).toEqual([]);
    const asked = { requestId: 'c1', runner: 'r1', slots: 5, executors: ['command'] };
    const [session] = (await one.claims.claim(asked)).assignments;
    expect(await outlook.waiting()).toMatchObject({ running: 1 });
    expect(await outlook.workedOn('2099-01-01T00:00:00Z', 10)).toMatchObject([{ id: 'now', outcome: null }]);
    await one.work.finish({
      requestId: 'f1',
      runner: 'r1',
      taskId: 'now',
      epoch: 1,
      outcome: { kind: 'failed', error: { code: 'exit_3', message: 'no' } },
    });
    expect(await outlook.workedOn(BEFORE, 10)).toEqual([
      { id: 'now', state: 'failed', sessions: 1, outcome: 'failed', error: { code: 'exit_3', message: 'no' } },
    ]);
    expect(await outlook.sessionsSince(BEFORE)).toEqual([session?.sessionId]);
    expect(await outlook.workedOn('2099-01-01T00:00:00Z', 10)).toEqual([]);
  });
});
