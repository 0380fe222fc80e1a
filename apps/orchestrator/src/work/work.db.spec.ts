import { randomUUID } from 'node:crypto';
import { type Assignment, type FinishOutcome, TaskSpec, type TaskSpecInput } from '@purser/contracts';
import type { Database } from '@purser/database';
import { createTestDatabase, type TestDatabase } from '@purser/testing';
import { OnPostgres, openTasks } from '../on-postgres.fixture.js';
import { ClaimsRepository } from './claims.repository.js';
import { WorkRepository } from './work.repository.js';

jest.setTimeout(60_000);

describe('sessions in Postgres', () => {
  let server: TestDatabase;
  let database: Database;
  let on: OnPostgres;
  let work: WorkRepository;
  let claims: ClaimsRepository;
  let executor: string;

  beforeAll(async () => {
    server = await createTestDatabase({
      template: { name: 'tasks', build: async (url) => (await openTasks(url)).close() },
    });
    database = await openTasks(server.url);
    on = new OnPostgres(database);
    work = new WorkRepository(database);
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

  const create = (input: Partial<TaskSpecInput> = {}) =>
    on.intake.create(TaskSpec.parse({ executor, input: { argv: ['true'] }, ...input }));
  const claim = async (slots = 1, requestId: string = randomUUID(), runner = 'r1') =>
    (await on.claims.claim({ requestId, runner, slots, executors: [executor] })).assignments;
  const claimOne = async (): Promise<Assignment> => {
    const [assignment] = await claim();
    if (!assignment) throw new Error('nothing was handed out');
    return assignment;
  };
  const finish = (
    { taskId, epoch }: { taskId: string; epoch: number },
    outcome: FinishOutcome,
    more: { requestId?: string; runner?: string; checkpoint?: { number: number; digest: string } } = {},
  ) => on.work.finish({ requestId: randomUUID(), runner: 'r1', taskId, epoch, outcome, ...more });
  const beat = async (
    { taskId, epoch }: { taskId: string; epoch: number },
    more: { progress?: { done: number }; checkpoint?: { number: number; digest: string } } = {},
    runner = 'r1',
  ) => (await on.work.heartbeat({ runner, sessions: [{ taskId, epoch, ...more }] })).sessions[0]?.verdict;
  const stateOf = async (id: string) => {
    const row = await on.repository.find(id);
    return { state: row?.state, epoch: row?.epoch, error: row?.error?.code };
  };
  const done: FinishOutcome = { kind: 'completed', result: null };
  const goOn: FinishOutcome = { kind: 'continue', reason: 'enough' };

  describe('claims', () => {
    it('go by priority, then age', async () => {
      const ids = [];
      for (const priority of [1, 9, 5, 9]) ids.push(await create({ priority }));
      const [low, high, middle, high2] = ids;
      const claimed = await claim(4);
      expect(claimed.map(({ taskId }) => taskId)).toEqual([high, high2, middle, low]);
      expect(claimed.map(({ priority }) => priority)).toEqual([9, 9, 5, 1]);
    });

    it('leave out other executors, what is not due, and what is over its deadline', async () => {
      await create({ notBefore: new Date(Date.now() + 60_000).toISOString() });
      await create({ deadline: new Date(Date.now() - 1_000).toISOString() });
      await create({ executor: 'another' });
      const due = await create({ notBefore: '2020-01-01T00:00:00Z', deadline: '2999-01-01T00:00:00+05:00' });
      expect(await claim(10)).toMatchObject([{ taskId: due, deadline: '2998-12-31T19:00:00.000Z' }]);
    });

    it('take notBefore from any year that ISO 8601 writes', async () => {
      const ancient = await create({ notBefore: '0000-01-01T00:00:00Z' });
      expect(await claim()).toMatchObject([{ taskId: ancient }]);
    });

    it('are known to give nothing before a transaction is begun, but never one that was given before', async () => {
      const asked = { requestId: randomUUID(), runner: 'r1', slots: 1, executors: [executor], leaseMs: 8_000 };
      expect(await claims.mayGive(asked)).toBe(false);
      await create();
      expect(await claims.mayGive(asked)).toBe(true);
      expect(await claims.mayGive({ ...asked, executors: ['nobody'] })).toBe(false);
      expect(await claim(1, asked.requestId)).toHaveLength(1);
      expect(await claims.mayGive(asked)).toBe(true);
      expect(await claims.mayGive({ ...asked, requestId: randomUUID() })).toBe(false);
    });

    it('tell when the first lease ends', async () => {
      const id = await create();
      const { leaseMs } = await on.claims.claim({
        requestId: randomUUID(),
        runner: 'r1',
        slots: 1,
        executors: [executor],
      });
      const { nextLapseMs } = await work.look();
      expect(nextLapseMs).toBeGreaterThan(0);
      expect(nextLapseMs).toBeLessThanOrEqual(leaseMs);
      await on.silence(id);
      expect((await work.look()).nextLapseMs).toBeLessThan(0);
      await on.ends.lapse();
    });

    it('give two runners different tasks, and neither waits for the other', async () => {
      for (let count = 0; count < 20; count++) await create();
      const both = await Promise.all(Array.from({ length: 8 }, (_, runner) => claim(5, randomUUID(), `r${runner}`)));
      const handed = both.flat().map(({ taskId }) => taskId);
      expect(handed).toHaveLength(20);
      expect(new Set(handed).size).toBe(20);
    });

    it('skip a task that another claim has locked at this moment', async () => {
      const [first, second] = [await create(), await create()];
      await database.transaction(async (tx) => {
        await tx.query('SELECT 1 FROM tasks WHERE id = $1 FOR UPDATE', [first]);
        expect(await claim(2)).toMatchObject([{ taskId: second }]);
      });
      expect(await claim(2)).toMatchObject([{ taskId: first }]);
    });

    it('hand nothing out while the latch is set', async () => {
      await create();
      const other = new OnPostgres(database);
      other.latch.observe({ serial: 9, active: true, by: 'spec', reason: 'x', at: new Date().toISOString() }, true);
      const asked = { requestId: randomUUID(), runner: 'r1', slots: 1, executors: [executor] };
      expect((await other.claims.claim(asked)).assignments).toEqual([]);
      expect(await claim()).toHaveLength(1);
    });

    it('fit into one message, however large the inputs are', async () => {
      const large = { argv: ['x'.repeat(3 * 1024 * 1024)] };
      const ids = [await create({ input: large }), await create({ input: large }), await create()];
      expect((await claim(3)).map(({ taskId }) => taskId)).toEqual([ids[0]]);
      expect((await claim(3)).map(({ taskId }) => taskId)).toEqual([ids[1], ids[2]]);
    });
  });

  describe('fencing', () => {
    it('refuses a finish of an old epoch, of another runner, and of a task that is over', async () => {
      const id = await create();
      const old = await claimOne();
      await on.silence(id);
      await on.ends.lapse();
      const current = await claimOne();
      expect(current.epoch).toBe(old.epoch + 1);
      await expect(finish(old, done)).rejects.toMatchObject({ code: 'stale_epoch' });
      await expect(finish(current, done, { runner: 'r2' })).rejects.toMatchObject({ code: 'stale_epoch' });
      expect(await beat(old)).toBe('lost');
      expect(await beat(current, {}, 'r2')).toBe('lost');
      expect(await beat(current)).toBe('extended');
      await finish(current, done);
      await expect(finish(current, done)).rejects.toMatchObject({ code: 'stale_epoch' });
      expect(await beat(current)).toBe('lost');
    });

    it('answers a finish that is asked again with what it said before, also twice at once', async () => {
      await create({ retries: 3 });
      const session = await claimOne();
      const requestId = randomUUID();
      const failure: FinishOutcome = { kind: 'failed', error: { code: 'x', message: 'y' } };
      const answers = await Promise.all([1, 2, 3].map(() => finish(session, failure, { requestId })));
      expect(answers).toEqual([{ state: 'ready' }, { state: 'ready' }, { state: 'ready' }]);
      expect((await on.repository.sessionsOf(session.taskId)).map(({ outcome }) => outcome)).toEqual(['failed']);
      await create();
      await expect(finish(await claimOne(), done, { requestId })).rejects.toMatchObject({ code: 'conflict' });
    });

    it('keeps a lease that is renewed, and takes back one that is not', async () => {
      const [kept, dropped] = [await create(), await create()];
      const sessions = await claim(2);
      for (const id of [kept, dropped]) await on.silence(id);
      expect(await beat(sessions[0] as Assignment)).toBe('extended');
      const lapsed = await on.ends.lapse();
      expect(lapsed.map(({ taskId }) => taskId)).toEqual([dropped]);
      expect(await stateOf(kept)).toMatchObject({ state: 'running' });
      expect(await stateOf(dropped)).toMatchObject({ state: 'ready', epoch: 1 });
      expect((await on.repository.sessionsOf(dropped))[0]).toMatchObject({ outcome: 'lost' });
    });

    it('lets only one of two orchestrators take a lapsed session back', async () => {
      const id = await create();
      await claimOne();
      await on.silence(id);
      const other = new OnPostgres(database);
      const lapses = (await Promise.all([on.ends.lapse(), other.ends.lapse()])).flat();
      expect(lapses.filter(({ taskId }) => taskId === id)).toHaveLength(1);
    });
  });

  describe('limits of a task', () => {
    const loseOne = async (checkpoint?: { number: number; digest: string }) => {
      const session = await claimOne();
      if (checkpoint) await beat(session, { checkpoint });
      await on.silence(session.taskId);
      await on.ends.lapse();
    };

    it('take five lost sessions in a row for poison; a new checkpoint begins anew', async () => {
      const id = await create();
      for (let count = 0; count < 4; count++) await loseOne();
      await loseOne({ number: 1, digest: 'sha256:a' });
      expect(await stateOf(id)).toMatchObject({ state: 'ready' });
      // The same state written again is no progress: four more are enough.
      for (let count = 0; count < 4; count++) await loseOne({ number: 1, digest: 'sha256:a' });
      expect(await stateOf(id)).toMatchObject({ state: 'failed', epoch: 9, error: 'poison' });
      expect(await on.facts()).toContain(`task.failed.${id}`);
    });

    it('stop a task that continues without progress', async () => {
      const id = await create();
      const checkpoint = (epoch: number) => ({
        checkpoint: { number: 1, digest: epoch < 3 ? `sha256:${epoch}` : 'sha256:same' },
      });
      for (let epoch = 1; epoch <= 8; epoch++) {
        expect(await stateOf(id)).toMatchObject({ state: 'ready' });
        await finish(await claimOne(), goOn, checkpoint(epoch));
      }
      expect(await stateOf(id)).toMatchObject({ state: 'failed', error: 'no_progress', epoch: 8 });
    });

    it('stop at maxSessions, but do not count released ones', async () => {
      const id = await create({ maxSessions: 2 });
      await finish(await claimOne(), { kind: 'released', reason: 'shutdown' });
      await finish(await claimOne(), goOn, { checkpoint: { number: 1, digest: 'a' } });
      expect(await stateOf(id)).toMatchObject({ state: 'ready' });
      await finish(await claimOne(), goOn, { checkpoint: { number: 1, digest: 'b' } });
      expect(await stateOf(id)).toMatchObject({ state: 'failed', error: 'max_sessions' });
    });

    it('retry a failure later, and say until when', async () => {
      const id = await create({ retries: 1 });
      const failure: FinishOutcome = { kind: 'failed', error: { code: 'exit_1', message: 'no' } };
      await finish(await claimOne(), failure);
      expect(await claim()).toEqual([]);
      expect((await on.repository.find(id))?.delayed_until?.getTime()).toBeGreaterThan(Date.now());
      await database.query('UPDATE tasks SET available_at = now() WHERE id = $1', [id]);
      expect((await work.look()).nextReadyMs).toBeLessThanOrEqual(0);
      await claims.readyNow(10);
      await finish(await claimOne(), failure);
      expect(await stateOf(id)).toMatchObject({ state: 'failed', error: 'exit_1' });
    });

    it('end a session whose deadline passes or that is cancelled', async () => {
      const ids = [await create(), await create()];
      const [late, unwanted] = await claim(2);
      await database.query(`UPDATE tasks SET deadline = now() - interval '1 s' WHERE id = $1`, [ids[0]]);
      await on.tasks.cancel(ids[1] ?? '');
      expect(await beat(late as Assignment)).toBe('cancel');
      expect(await beat(unwanted as Assignment)).toBe('cancel');
      expect(await finish(late as Assignment, { kind: 'released', reason: 'cancel' })).toEqual({ state: 'failed' });
      expect(await finish(unwanted as Assignment, { kind: 'released', reason: 'cancel' })).toEqual({
        state: 'cancelled',
      });
      expect(await stateOf(ids[0] ?? '')).toMatchObject({ error: 'deadline' });
    });

    it('cancel a task whose runner is gone when its lease lapses', async () => {
      const id = await create();
      await claimOne();
      await on.tasks.cancel(id);
      expect(await stateOf(id)).toMatchObject({ state: 'running' });
      await on.silence(id);
      await on.ends.lapse();
      expect(await stateOf(id)).toMatchObject({ state: 'cancelled' });
    });
  });

  it('tells progress at most once a second, and tells the last of it later', async () => {
    const id = await create();
    const session = await claimOne();
    const told = async () => (await on.facts()).filter((subject) => subject === `task.progressed.${id}`).length;
    await beat(session, { progress: { done: 1 } });
    await beat(session, { progress: { done: 2 } });
    expect(await told()).toBe(1);
    await database.query(`UPDATE tasks SET progress_told_at = now() - interval '2 s' WHERE id = $1`, [id]);
    await beat(session);
    expect(await told()).toBe(2);
    const last = (await on.told()).findLast(({ subject }) => subject === `task.progressed.${id}`);
    expect(JSON.parse(last?.event ?? '')).toMatchObject({ data: { progress: { done: 2 } } });
    await beat(session, { progress: { done: 2 } });
    expect(await told()).toBe(2);
  });
});
