import { randomUUID } from 'node:crypto';
import type { Bus } from '@purser/bus';
import { type FinishOutcome, TaskSpec, type TaskSpecInput, tasksRetry } from '@purser/contracts';
import type { Database } from '@purser/database';
import { createLog, Outbox, systemClock } from '@purser/service';
import { createTestDatabase, type TestDatabase } from '@purser/testing';
import { OnPostgres, openTasks } from '../on-postgres.fixture.js';
import { DeadLettersRepository } from './dead-letters.repository.js';
import { Retries } from './retries.service.js';

jest.setTimeout(60_000);

describe('retries of what has failed', () => {
  let server: TestDatabase;
  let database: Database;
  let on: OnPostgres;
  let dead: DeadLettersRepository;
  let retries: Retries;
  let executor: string;

  beforeAll(async () => {
    server = await createTestDatabase({
      template: { name: 'tasks', build: async (url) => (await openTasks(url)).close() },
    });
    database = await openTasks(server.url);
    on = new OnPostgres(database);
    dead = new DeadLettersRepository(database);
    const log = createLog({ service: 'orchestrator', instance: 'spec', level: 'silent' });
    const bus = { connected: false, origin: { service: 'orchestrator', instance: 'spec' } } as Bus;
    retries = new Retries(database, on.repository, dead, on.intake, new Outbox(database, bus, log), systemClock);
  });

  afterAll(async () => {
    await database?.close();
    await server?.drop();
  });

  beforeEach(() => {
    executor = `e${randomUUID()}`;
  });

  const create = (input: Partial<TaskSpecInput> = {}) =>
    on.intake.create(TaskSpec.parse({ executor, input: { argv: ['true'] }, ...input }));
  const retry = (id: string, more: object = {}) => retries.retry(tasksRetry.request.parse({ id, by: 'ada', ...more }));
  const claim = async () =>
    (await on.claims.claim({ requestId: randomUUID(), runner: 'r1', slots: 10, executors: [executor] })).assignments;
  const broke: FinishOutcome = { kind: 'failed', error: { code: 'exit_1', message: 'it broke' } };
  const finish = (taskId: string, epoch: number, outcome: FinishOutcome) =>
    on.work.finish({
      requestId: randomUUID(),
      runner: 'r1',
      taskId,
      epoch,
      outcome,
      checkpoint: { number: 1, digest: `sha256:${taskId}` },
    });
  const fail = async (input: Partial<TaskSpecInput> = {}) => {
    const id = await create(input);
    await claim();
    await finish(id, 1, broke);
    return id;
  };
  const listed = async (code?: string) =>
    (await dead.list(code, undefined, 100)).filter((row) => row.executor === executor).map(({ id }) => id);

  it('are new tasks with all that the old one asked for, which go on from its checkpoint', async () => {
    const asked = {
      labels: ['nightly'],
      priority: 7,
      limits: { tokens: 500 },
      budgetUsd: '1.50',
      retries: 0,
      project: 'p1',
      complexity: 'complex' as const,
      deadline: '2999-01-01T00:00:00Z',
    };
    const id = await create(asked);
    await on.repository.budgetIsSet(id);
    await claim();
    await finish(id, 1, broke);
    expect(await retry(id)).toBe(`${id}-r1`);
    const [old, fresh] = [await on.repository.find(id), await on.repository.find(`${id}-r1`)];
    const same = [
      'input',
      'labels',
      'priority',
      'limits',
      'budget_nano',
      'project',
      'deadline',
      'max_sessions',
    ] as const;
    for (const field of same) expect([field, fresh?.[field]]).toEqual([field, old?.[field]]);
    expect(fresh).toMatchObject({ state: 'ready', epoch: 0, more: { complexity: 'complex', retryOf: id } });
    expect(old).toMatchObject({ state: 'failed', epoch: 1 });
    await on.repository.budgetIsSet(`${id}-r1`);
    expect(await claim()).toMatchObject([{ taskId: `${id}-r1`, epoch: 1, continues: [id] }]);
    expect(await on.facts()).toEqual(expect.arrayContaining([`task.created.${id}-r1`, `task.retried.${id}`]));
  });

  it('that are asked for twice are one, and one that fails in turn goes on from all before it', async () => {
    const id = await fail();
    expect(await Promise.all([retry(id), retry(id)])).toEqual([`${id}-r1`, `${id}-r1`]);
    expect((await on.facts()).filter((subject) => subject === `task.retried.${id}`)).toHaveLength(1);
    await claim();
    await finish(`${id}-r1`, 1, broke);
    expect(await retry(`${id}-r1`)).toBe(`${id}-r2`);
    expect(await claim()).toMatchObject([{ taskId: `${id}-r2`, continues: [`${id}-r1`, id] }]);
  });

  it('begin afresh, with another id and other limits, where that is asked for', async () => {
    const id = await fail();
    const newId = `again-${randomUUID()}`;
    await retry(id, { from: 'fresh', newId, maxSessions: 3, retries: 2, limits: { seconds: 9 } });
    expect(await on.repository.find(newId)).toMatchObject({ max_sessions: 3, retries: 2, limits: { seconds: 9 } });
    expect(await claim()).toMatchObject([{ taskId: newId, continues: [], limits: { seconds: 9 } }]);
  });

  it('leave behind a deadline that has passed', async () => {
    const id = await create({ deadline: new Date(Date.now() - 1_000).toISOString() });
    await on.tasks.failOverdue();
    await retry(id);
    expect(await on.repository.find(`${id}-r1`)).toMatchObject({ state: 'ready', deadline: null });
  });

  it('of one that failed because of another wait for that one’s retry', async () => {
    const first = await create();
    const second = await create({ dependsOn: [first] });
    await claim();
    await finish(first, 1, broke);
    await on.dependents.settle([first]);
    expect(await on.repository.find(second)).toMatchObject({ state: 'failed' });
    await retry(first);
    await retry(second);
    expect(await on.repository.find(`${second}-r1`)).toMatchObject({ state: 'blocked', depends_on: [`${first}-r1`] });
    await claim();
    await finish(`${first}-r1`, 1, { kind: 'completed', result: 1 });
    expect(await on.repository.find(`${second}-r1`)).toMatchObject({ state: 'ready' });
  });

  it('take a task off the list, which holds what failed by itself', async () => {
    const first = await create();
    const second = await create({ dependsOn: [first] });
    const third = await create();
    await on.tasks.cancel(third);
    await claim();
    await finish(first, 1, broke);
    await on.dependents.settle([first]);
    expect(await listed()).toEqual([first]);
    expect(await listed('dependency_failed')).toEqual([second]);
    expect(await listed('poison')).toEqual([]);
    await retry(first);
    expect(await listed()).toEqual([]);
    await retry(third);
  });

  it('are refused for what has not failed, and for what is not there', async () => {
    const id = await create();
    await expect(retry(id)).rejects.toMatchObject({ code: 'conflict', details: { state: 'ready' } });
    await expect(retry('nobody')).rejects.toMatchObject({ code: 'not_found' });
  });
});
