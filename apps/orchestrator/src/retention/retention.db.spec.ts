import { randomUUID } from 'node:crypto';
import { Bus } from '@purser/bus';
import { sessionsForget, TaskSpec, type TaskSpecInput } from '@purser/contracts';
import type { Database } from '@purser/database';
import { createLog, Metrics } from '@purser/service';
import { createTestDatabase, startTestNats, type TestDatabase, type TestNats } from '@purser/testing';
import { OnPostgres, openTasks } from '../on-postgres.fixture.js';
import { summaryOf } from '../tasks/task.row.js';
import { RetentionRepository } from './retention.repository.js';
import { Retention } from './retention.service.js';

jest.setTimeout(60_000);

const log = createLog({ service: 'orchestrator', instance: 'spec', level: 'silent' });

describe('tasks that ended long ago', () => {
  let nats: TestNats;
  let server: TestDatabase;
  let database: Database;
  let on: OnPostgres;
  let bus: Bus;
  let repository: RetentionRepository;
  let executor: string;
  let runnerIsThere: boolean;
  const asked: string[] = [];

  beforeAll(async () => {
    nats = await startTestNats();
    server = await createTestDatabase({
      template: { name: 'tasks', build: async (url) => (await openTasks(url)).close() },
    });
    database = await openTasks(server.url);
    on = new OnPostgres(database);
    repository = new RetentionRepository(database);
    bus = await Bus.connect({ url: nats.url, service: 'orchestrator', instance: 'spec' });
    bus.connection.subscribe(sessionsForget.name, {
      callback: (_error, message) => {
        const { ids } = message.json<{ ids: string[] }>();
        if (runnerIsThere) asked.push(...ids);
        message.respond(JSON.stringify(runnerIsThere ? { forgotten: ids.length } : {}));
      },
    });
  });

  afterAll(async () => {
    await bus?.close();
    await database?.close();
    await server?.drop();
    await nats?.stop();
  });

  beforeEach(async () => {
    executor = `e${randomUUID()}`;
    runnerIsThere = true;
    asked.length = 0;
    await database.query('TRUNCATE tasks, sessions, task_dependencies, archived_tasks, signals CASCADE');
  });

  const create = (input: Partial<TaskSpecInput> = {}) =>
    on.intake.create(
      TaskSpec.parse({ executor, input: { text: 'nul \0, "quotes", \\ and half a \ud800 pair' }, ...input }),
    );
  const complete = async () => {
    const request = { requestId: randomUUID(), runner: 'r1', slots: 100, executors: [executor] };
    const { assignments } = await on.claims.claim(request);
    for (const { taskId, epoch } of assignments) {
      const outcome = { kind: 'completed' as const, result: { of: taskId } };
      await on.work.finish({ requestId: randomUUID(), runner: 'r1', taskId, epoch, outcome });
    }
  };
  /** As if all that happened had been so many days ago. */
  const age = (days: number) =>
    database.query(
      `UPDATE tasks SET created_at = created_at - $1 * interval '1 day', finished_at = finished_at - $1 * interval '1 day'`,
      [days],
    );
  const service = (settings: { days?: number; how?: 'archive' | 'delete' } = {}) =>
    new Retention(repository, bus, log, new Metrics('orchestrator'), {
      PURSER_TASK_RETENTION_DAYS: settings.days ?? 30,
      PURSER_TASK_RETENTION: settings.how ?? 'archive',
    });
  /** Two rounds: copied in one, removed in a later one. */
  const rounds = async (retention = service()) => {
    await retention.round();
    await database.query(`UPDATE archived_tasks SET archived_at = archived_at - interval '1 minute'`);
    await retention.round();
  };
  const hot = async () =>
    (await database.query<{ id: string }>('SELECT id FROM tasks ORDER BY seq')).map(({ id }) => id);
  const see = async (id: string) => {
    const row = await on.repository.find(id);
    return row && { ...summaryOf(row, { usage: null, waiting: null }), input: row.input, result: row.result };
  };

  it('move to the archive whole, and are read from there as they were', async () => {
    const id = await create({ labels: ['x'], retries: 3, limits: { seconds: 1.5 } });
    await complete();
    await age(31);
    const recent = await create();
    await complete();
    const [before, sessions] = [await see(id), await on.repository.sessionsOf(id)];
    expect(sessions).toHaveLength(1);
    await rounds();
    expect(await hot()).toEqual([recent]);
    expect(await see(id)).toEqual(before);
    expect(await on.repository.sessionsOf(id)).toEqual(sessions);
    expect(asked).toEqual([id]);
    const left = await database.query('SELECT 1 FROM sessions WHERE task_id = $1', [id]);
    expect(left).toEqual([]);
  });

  it('are the same task when they are submitted again, and no other may take their id', async () => {
    const spec = { id: `a-${randomUUID()}`, labels: ['x'] };
    const id = await create(spec);
    await complete();
    await age(31);
    await rounds();
    expect(await hot()).toEqual([]);
    await expect(create({ ...spec, priority: 9 })).rejects.toMatchObject({ code: 'conflict' });
    expect(await create(spec)).toBe(id);
    expect(await see(id)).toMatchObject({ state: 'completed', result: { of: id } });
    expect(await on.repository.sessionsOf(id)).toHaveLength(1);
    await Promise.all(Array.from({ length: 10 }, () => create(spec)));
    expect(await hot()).toEqual([id]);
    await rounds();
    expect(await hot()).toEqual([]);
    expect(await see(id)).toMatchObject({ state: 'completed' });
  });

  it('can still be what another task waits for', async () => {
    const done = await create();
    await complete();
    const cancelled = await create();
    await on.tasks.cancel(cancelled);
    await age(31);
    await rounds();
    const after = await create({ dependsOn: [done] });
    expect(await see(after)).toMatchObject({ state: 'ready' });
    const doomed = await create({ dependsOn: [cancelled] });
    expect(await see(doomed)).toMatchObject({ state: 'failed', error: { code: 'dependency_failed' } });
  });

  it('stay while something unfinished needs them, and go after it', async () => {
    const first = await create();
    await complete();
    const waiting = await create({ dependsOn: [first], notBefore: '2999-01-01T00:00:00Z' });
    const parent = await create();
    const child = await create({ parent, notBefore: '2999-01-01T00:00:00Z' });
    await complete();
    await age(31);
    await rounds();
    expect(await hot()).toEqual([first, waiting, parent, child]);
    for (const id of [waiting, child]) await on.tasks.cancel(id);
    await age(31);
    for (let round = 0; round < 3; round++) await rounds();
    expect(await hot()).toEqual([]);
    expect(await see(child)).toMatchObject({ parent });
    // Its parent comes back with it.
    await create({ id: child, parent, notBefore: '2999-01-01T00:00:00Z' });
    expect((await hot()).sort()).toEqual([parent, child].sort());
  });

  it('that are needed again between the copy and the removal stay', async () => {
    const first = await create();
    await complete();
    await age(31);
    await service().round();
    const second = await create({ dependsOn: [first], notBefore: '2999-01-01T00:00:00Z' });
    await rounds();
    expect(await hot()).toEqual([first, second]);
    const edges = await database.query('SELECT 1 FROM task_dependencies WHERE task_id = $1', [second]);
    expect(edges).toHaveLength(1);
  });

  it('wait until their own budget is taken back', async () => {
    const id = await create({ budgetUsd: '1' });
    await on.tasks.cancel(id);
    await age(31);
    await rounds();
    expect(await hot()).toEqual([id]);
    await on.repository.budgetIsDeleted(id);
    await rounds();
    expect(await hot()).toEqual([]);
  });

  it('leave the hot tables also while no runner is there to delete what they left', async () => {
    runnerIsThere = false;
    const id = await create();
    await complete();
    await age(31);
    await rounds();
    expect(await hot()).toEqual([]);
    expect(await repository.toForget(10)).toEqual([id]);
    runnerIsThere = true;
    await service().round();
    expect(await repository.toForget(10)).toEqual([]);
    expect(asked).toEqual([id]);
  });

  it('are gone for good where that was chosen', async () => {
    const id = await create();
    await complete();
    await age(31);
    await rounds(service({ how: 'delete' }));
    expect(await see(id)).toBeUndefined();
    expect(asked).toEqual([id]);
    expect(await database.query('SELECT 1 FROM archived_tasks')).toEqual([]);
  });

  it('are moved in bounded batches by several orchestrators at once, each once', async () => {
    const ids = await Promise.all(Array.from({ length: 90 }, () => create()));
    await Promise.all(ids.slice(0, 30).map((id) => on.tasks.cancel(id)));
    await complete();
    await age(31);
    const young = await create();
    await on.tasks.cancel(young);
    const looks = await Promise.all([1, 2, 3].map(() => repository.copy('cancelled', 0n, 30, 20)));
    expect(looks.map(({ copied }) => copied).reduce((sum, one) => sum + one)).toBe(20);
    expect(looks.every(({ next }) => next !== undefined)).toBe(true);
    await Promise.all([service().round(), service().round()]);
    await database.query(`UPDATE archived_tasks SET archived_at = archived_at - interval '1 minute'`);
    const removed = await Promise.all([1, 2, 3].map(() => repository.remove(40)));
    expect(Math.max(...removed.map((one) => one.removed))).toBeLessThanOrEqual(40);
    // Each passes over what another one has locked, so that one may be left for the next round.
    const rest = await repository.remove(40);
    expect(removed.reduce((sum, one) => sum + one.removed, rest.removed)).toBe(90);
    expect(await hot()).toEqual([young]);
    expect((await repository.copy('cancelled', 0n, 30, 20)).next).toBeUndefined();
  });
});
