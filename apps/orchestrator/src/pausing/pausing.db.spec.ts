import { randomUUID } from 'node:crypto';
import { type FinishOutcome, TaskSpec, type TaskSpecInput } from '@purser/contracts';
import type { Database } from '@purser/database';
import { createTestDatabase, type TestDatabase } from '@purser/testing';
import { OnPostgres, openTasks } from '../on-postgres.fixture.js';

jest.setTimeout(60_000);

describe('a pause', () => {
  let server: TestDatabase;
  let database: Database;
  let on: OnPostgres;
  let executor: string;

  beforeAll(async () => {
    server = await createTestDatabase({
      template: { name: 'tasks', build: async (url) => (await openTasks(url)).close() },
    });
    database = await openTasks(server.url);
    on = new OnPostgres(database);
  });

  afterAll(async () => {
    await database?.close();
    await server?.drop();
  });

  beforeEach(() => {
    executor = `e${randomUUID()}`;
  });

  const create = (input: Partial<TaskSpecInput> = {}) =>
    on.intake.create(TaskSpec.parse({ executor, input: {}, ...input }));
  const claim = async () =>
    (await on.claims.claim({ requestId: randomUUID(), runner: 'r1', slots: 10, executors: [executor] })).assignments;
  const finish = (taskId: string, epoch: number, outcome: FinishOutcome) =>
    on.work.finish({ requestId: randomUUID(), runner: 'r1', taskId, epoch, outcome });
  const see = async (id: string) => {
    const row = await on.repository.find(id);
    return { state: row?.state, why: row?.paused_reason };
  };
  const told = async (id: string) => (await on.facts()).filter((subject) => subject.endsWith(`.${id}`));

  it('keeps a waiting task from being handed out until it is resumed, and both are told once', async () => {
    const id = await create();
    for (let round = 0; round < 2; round++) await on.pausing.pause({ id, by: 'ada', reason: 'holidays' });
    expect(await see(id)).toEqual({ state: 'paused', why: 'person: ada: holidays' });
    expect(await claim()).toEqual([]);
    for (let round = 0; round < 2; round++) await on.pausing.resume({ id, by: 'bob' });
    expect(await claim()).toMatchObject([{ taskId: id, epoch: 1 }]);
    expect(await told(id)).toEqual([
      `task.created.${id}`,
      `task.paused.${id}`,
      `task.resumed.${id}`,
      `task.started.${id}`,
    ]);
  });

  it('of a task that waits for its budget can be ended by a person, who leaves it to the budget', async () => {
    const id = await create({ paidOnly: true });
    expect((await see(id)).why).toMatch(/^budget:/);
    await on.pausing.pause({ id, by: 'ada' });
    expect(await see(id)).toEqual({ state: 'paused', why: 'person: ada' });
    await on.pausing.resume({ id, by: 'bob' });
    expect((await see(id)).why).toMatch(/^budget:/);
    expect(await told(id)).toContain(`task.resumed.${id}`);
  });

  it('has a running session wrap up, and comes into force with its end, without a session counted', async () => {
    const id = await create({ maxSessions: 1 });
    await claim();
    await on.pausing.pause({ id, by: 'ada' });
    expect(await see(id)).toEqual({ state: 'running', why: null });
    const beat = await on.work.heartbeat({ runner: 'r1', sessions: [{ taskId: id, epoch: 1 }] });
    expect(beat.sessions).toEqual([expect.objectContaining({ taskId: id, verdict: 'pause' })]);
    expect(await finish(id, 1, { kind: 'released', reason: 'the task was paused' })).toEqual({ state: 'paused' });
    expect(await see(id)).toEqual({ state: 'paused', why: 'person: ada' });
    await on.pausing.resume({ id, by: 'ada' });
    expect(await claim()).toMatchObject([{ taskId: id, epoch: 2 }]);
    expect(await finish(id, 2, { kind: 'completed', result: 1 })).toEqual({ state: 'completed' });
  });

  it('also holds when the session is lost before it could wrap up', async () => {
    const id = await create();
    await claim();
    await on.pausing.pause({ id, by: 'ada' });
    await on.silence(id);
    await on.ends.lapse();
    expect(await see(id)).toEqual({ state: 'paused', why: 'person: ada' });
  });

  it('can be withdrawn while the session still wraps up', async () => {
    const id = await create();
    await claim();
    await on.pausing.pause({ id, by: 'ada' });
    await on.pausing.resume({ id, by: 'ada' });
    expect(await finish(id, 1, { kind: 'released', reason: 'x' })).toEqual({ state: 'ready' });
  });

  it('of a task that waits for another leaves it waiting for that when it ends', async () => {
    const first = await create();
    const second = await create({ dependsOn: [first] });
    await on.pausing.pause({ id: second, by: 'ada' });
    await on.pausing.resume({ id: second, by: 'ada' });
    expect(await see(second)).toMatchObject({ state: 'blocked' });
    await on.pausing.pause({ id: second, by: 'ada' });
    await on.tasks.cancel(first);
    expect(await see(second)).toMatchObject({ state: 'paused' });
    await on.pausing.resume({ id: second, by: 'ada' });
    expect(await see(second)).toMatchObject({ state: 'failed' });
  });

  it('by a person takes the place of one by a budget, which a person cannot end', async () => {
    const id = await create();
    await database.query(`UPDATE tasks SET state = 'paused', paused_reason = 'budget: day is spent' WHERE id = $1`, [
      id,
    ]);
    await expect(on.pausing.resume({ id, by: 'ada' })).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('budget: day is spent') as string,
    });
    await on.pausing.pause({ id, by: 'ada' });
    expect(await see(id)).toEqual({ state: 'paused', why: 'person: ada' });
    await on.pausing.resume({ id, by: 'ada' });
    expect(await see(id)).toEqual({ state: 'ready', why: null });
  });

  it('is refused for what is over, and for what is not there', async () => {
    const id = await create();
    await on.tasks.cancel(id);
    await expect(on.pausing.pause({ id, by: 'ada' })).rejects.toMatchObject({ code: 'conflict' });
    await expect(on.pausing.resume({ id, by: 'ada' })).rejects.toMatchObject({ code: 'conflict' });
    await expect(on.pausing.pause({ id: 'nobody', by: 'ada' })).rejects.toMatchObject({ code: 'not_found' });
  });
});
