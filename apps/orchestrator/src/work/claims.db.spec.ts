import { randomUUID } from 'node:crypto';
import { type Assignment, type FinishOutcome, TaskSpec } from '@purser/contracts';
import { Database } from '@purser/database';
import { createTestDatabase, eventually, type TestDatabase } from '@purser/testing';
import { OnPostgres, openTasks } from '../on-postgres.fixture.js';
import { ClaimsRepository, OPEN } from './claims.repository.js';

jest.setTimeout(60_000);

describe('claims in one statement', () => {
  let server: TestDatabase;
  let database: Database;
  let on: OnPostgres;
  let claims: ClaimsRepository;
  let executor: string;

  beforeAll(async () => {
    server = await createTestDatabase({
      template: { name: 'tasks', build: async (url) => (await openTasks(url)).close() },
    });
    database = await openTasks(server.url);
    on = new OnPostgres(database);
    claims = new ClaimsRepository(database);
  });

  afterAll(async () => {
    await database?.close();
    await server?.drop();
  });

  beforeEach(() => {
    // Each test has its own kind of work, so that none is handed another's.
    executor = `e${randomUUID()}`;
  });

  const create = () => on.intake.create(TaskSpec.parse({ executor, input: { argv: ['true'] } }));
  const claim = async (slots = 1, requestId: string = randomUUID()) =>
    (await on.claims.claim({ requestId, runner: 'r1', slots, executors: [executor] })).assignments;
  const finish = ({ taskId, epoch }: Assignment, outcome: FinishOutcome) =>
    on.work.finish({ requestId: randomUUID(), runner: 'r1', taskId, epoch, outcome });
  const done: FinishOutcome = { kind: 'completed', result: null };

  it('answer the same request with the same sessions, also when it comes twice at once', async () => {
    for (let count = 0; count < 4; count++) await create();
    const requestId = randomUUID();
    const [first, second] = await Promise.all([claim(2, requestId), claim(2, requestId)]);
    expect(first).toHaveLength(2);
    expect(new Set(second?.map(({ sessionId }) => sessionId))).toEqual(
      new Set(first?.map(({ sessionId }) => sessionId)),
    );
    expect(await claim(4)).toHaveLength(2);
    await finish(first?.[0] as Assignment, done);
    expect((await claim(2, requestId)).map(({ taskId }) => taskId)).toEqual([first?.[1]?.taskId]);
  });

  it('are waited for by a copy of the same request, and by nobody else', async () => {
    for (let count = 0; count < 4; count++) await create();
    const asked = { requestId: randomUUID(), runner: 'r1', slots: 2, executors: [executor], leaseMs: 8_000 };
    let copy: Promise<Assignment[]> = Promise.resolve([]);
    const first = await database.transaction(async (tx) => {
      const how = { sources: [{ executor, lane: OPEN, most: 2 }], mark: 'first' as const, started: '{}' };
      const { assignments } = await claims.claim(tx, asked, how);
      expect(await claim(1)).toHaveLength(1);
      copy = claim(2, asked.requestId);
      let answered = false;
      void copy.then(() => (answered = true));
      await eventually(async () => {
        const [row] = await database.query<{ waits: boolean }>(
          `SELECT EXISTS (SELECT 1 FROM pg_stat_activity
             WHERE datname = current_database() AND wait_event_type = 'Lock') AS waits`,
        );
        expect(answered || row?.waits).toBe(true);
      });
      return assignments;
    });
    expect(first).toHaveLength(2);
    expect(new Set((await copy).map(({ taskId }) => taskId))).toEqual(new Set(first.map(({ taskId }) => taskId)));
    expect(await claim(4)).toHaveLength(1);
  });

  it('are given to one copy of a request that found nothing before', async () => {
    const requestId = randomUUID();
    expect(await claim(2, requestId)).toEqual([]);
    for (let count = 0; count < 4; count++) await create();
    const copies = await Promise.all([1, 2, 3].map(() => claim(2, requestId)));
    const given = copies.map((one) => one.map(({ sessionId }) => sessionId).toSorted());
    expect(given[0]).toHaveLength(2);
    expect(given[1]).toEqual(given[0]);
    expect(given[2]).toEqual(given[0]);
    expect(await claim(4)).toHaveLength(2);
  });

  it('are given to one copy of a request, whichever way each of them takes', async () => {
    for (let round = 0; round < 20; round++) {
      for (let count = 0; count < 3; count++) await create();
      const requestId = randomUUID();
      // One that has not looked yet whether tasks with limited labels wait asks for them, too.
      const others = [new OnPostgres(database), new OnPostgres(database)];
      const asked = { requestId, runner: 'r1', slots: 2, executors: [executor], again: true };
      const copies = await Promise.all([
        ...others.map(async (one) => (await one.claims.claim(asked)).assignments),
        claim(2, requestId),
      ]);
      const given = copies.map((one) => one.map(({ sessionId }) => sessionId).toSorted());
      expect(given).toEqual([given[0], given[0], given[0]]);
      expect(await claim(4)).toHaveLength(1);
    }
  });

  it('are planned once, and not anew for each', async () => {
    const url = server.url;
    const single = await Database.connect({ url, schema: 'tasks', applicationName: 'spec', poolSize: 1 });
    try {
      const alone = new OnPostgres(single);
      const asked = { runner: 'r1', slots: 3, executors: [executor], again: true };
      for (let count = 0; count < 20; count++) await alone.claims.claim({ ...asked, requestId: randomUUID() });
      const plans = await single.query(
        `SELECT generic_plans > custom_plans AS once FROM pg_prepared_statements WHERE name = 'claims'`,
      );
      expect(plans).toEqual([{ once: true }]);
    } finally {
      await single.close();
    }
  });

  it('leave marks of their requests, which are forgotten later', async () => {
    await claim();
    const marks = () => database.query('SELECT 1 FROM claims_under_way');
    expect(await marks()).not.toEqual([]);
    await claims.forgetMarks();
    expect(await marks()).not.toEqual([]);
    await database.query(`UPDATE claims_under_way SET at = now() - interval '6 minutes'`);
    await claims.forgetMarks();
    expect(await marks()).toEqual([]);
  });

  it('tell of each session by its own fact', async () => {
    const [a, b] = [await create(), await create()];
    const started = (await claim(2)).map(({ taskId, sessionId, epoch }) => ({
      taskId,
      sessionId,
      epoch,
      runner: 'r1',
    }));
    const told = (await on.told()).filter(({ subject }) =>
      [`task.started.${a}`, `task.started.${b}`].includes(subject),
    );
    expect(told.map(({ event }) => (JSON.parse(event) as { data: unknown }).data)).toEqual(started);
    expect(told.map(({ eventId }) => eventId)).toEqual([`${a}-1-started`, `${b}-1-started`]);
  });
});
