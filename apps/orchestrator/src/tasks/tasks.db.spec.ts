import { randomUUID } from 'node:crypto';
import { PurserError, TaskSpec, type TaskSpecInput } from '@purser/contracts';
import type { Database } from '@purser/database';
import { createTestDatabase, eventually, type TestDatabase } from '@purser/testing';
import { OnPostgres, openTasks } from '../on-postgres.fixture.js';

jest.setTimeout(60_000);

describe('tasks in Postgres', () => {
  let server: TestDatabase;
  let database: Database;
  let on: OnPostgres;

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

  const spec = (input: Partial<TaskSpecInput> = {}) =>
    TaskSpec.parse({ executor: 'command', input: { argv: ['true'] }, ...input });
  const create = (input: Partial<TaskSpecInput> = {}) => on.intake.create(spec(input));
  const stateOf = async (id: string) => (await on.repository.find(id))?.state;
  const run = async (id: string, outcome: 'completed' | 'failed') => {
    await database.query('UPDATE tasks SET priority = 9 WHERE id = $1', [id]);
    const { assignments } = await on.claims.claim({
      requestId: randomUUID(),
      runner: 'r1',
      slots: 1,
      executors: ['command'],
    });
    expect(assignments.map(({ taskId }) => taskId)).toEqual([id]);
    await on.work.finish({
      requestId: randomUUID(),
      runner: 'r1',
      taskId: id,
      epoch: assignments[0]?.epoch ?? 0,
      outcome:
        outcome === 'completed'
          ? { kind: 'completed', result: null }
          : { kind: 'failed', error: { code: 'exit_1', message: 'no' } },
    });
  };

  it('keep what strangers may write in JSON, U+0000 and half of a surrogate pair included', async () => {
    const input = { argv: ['a\0b', '\ud800', '😀', '__proto__'], 'key \0': { deep: [null, 1e300, -0.5] } };
    const id = await create({ input, labels: ['a/b', 'c:d'], project: 'p', limits: { tokens: 5 } });
    expect(await on.repository.find(id)).toMatchObject({
      input: JSON.parse(JSON.stringify(input)) as object,
      labels: ['a/b', 'c:d'],
      limits: { tokens: 5 },
    });
  });

  it('are stored once, however many ask at once, and told once', async () => {
    const id = randomUUID();
    const ids = await Promise.all(Array.from({ length: 10 }, () => create({ id, budgetUsd: '2' })));
    expect(new Set(ids)).toEqual(new Set([id]));
    expect((await on.facts()).filter((subject) => subject === `task.created.${id}`)).toHaveLength(1);
    await create({ id, budgetUsd: 2, input: { argv: ['true'] }, priority: 5 });
    await expect(create({ id, budgetUsd: '2.01', labels: ['x'] })).rejects.toMatchObject({
      code: 'conflict',
      details: { fields: ['labels', 'budgetUsd'] },
    });
  });

  describe('that depend on others', () => {
    it('wait for all of them', async () => {
      const [first, second] = [await create(), await create()];
      const last = await create({ dependsOn: [first, second, first] });
      expect(await stateOf(last)).toBe('blocked');
      await run(first, 'completed');
      expect(await stateOf(last)).toBe('blocked');
      expect(await on.repository.unfinishedDependencies([last])).toEqual([{ id: last, waits_for: [second] }]);
      await run(second, 'completed');
      expect(await stateOf(last)).toBe('ready');
      expect(await stateOf(await create({ dependsOn: [first, second] }))).toBe('ready');
    });

    it('fail, and what depends on them, when one fails or is cancelled, or already has', async () => {
      const broken = await create();
      const next = await create({ dependsOn: [broken] });
      const afterNext = await create({ dependsOn: [next, await create()] });
      await run(broken, 'failed');
      expect([await stateOf(next), await stateOf(afterNext)]).toEqual(['failed', 'failed']);
      expect((await on.repository.find(afterNext))?.error).toEqual({
        code: 'dependency_failed',
        message: `it depends on "${next}", which is failed`,
      });
      expect(await on.facts()).toEqual(expect.arrayContaining([`task.failed.${next}`, `task.failed.${afterNext}`]));

      const cancelled = await create();
      const hopeful = await create({ dependsOn: [cancelled] });
      await on.tasks.cancel(cancelled);
      expect(await stateOf(hopeful)).toBe('failed');
      expect(await stateOf(await create({ dependsOn: [cancelled] }))).toBe('failed');
    });

    it('are not forgotten when both dependencies finish at once', async () => {
      for (let round = 0; round < 5; round++) {
        const [first, second] = [await create({ priority: 9 }), await create({ priority: 9 })];
        const last = await create({ dependsOn: [first, second] });
        const { assignments } = await on.claims.claim({
          requestId: randomUUID(),
          runner: 'r1',
          slots: 2,
          executors: ['command'],
        });
        expect(assignments.map(({ taskId }) => taskId)).toEqual([first, second]);
        await Promise.all(
          assignments.map(({ taskId, epoch }) =>
            on.work.finish({
              requestId: randomUUID(),
              runner: 'r1',
              taskId,
              epoch,
              outcome: { kind: 'completed', result: null },
            }),
          ),
        );
        expect(await stateOf(last)).toBe('ready');
      }
    });

    it('move on after a crash between the end of one and the start of the next', async () => {
      const first = await create();
      const last = await create({ dependsOn: [first] });
      await database.query(`UPDATE tasks SET state = 'completed', result = 'null', finished_at = now() WHERE id = $1`, [
        first,
      ]);
      expect(await stateOf(last)).toBe('blocked');
      await on.dependents.settle();
      expect(await stateOf(last)).toBe('ready');
    });

    it('must name tasks that exist', async () => {
      await expect(create({ dependsOn: ['nobody'] })).rejects.toMatchObject({
        code: 'invalid_request',
        message: expect.stringContaining('"nobody"') as string,
      });
      await expect(create({ id: 'self', dependsOn: ['self'] })).rejects.toMatchObject({ code: 'invalid_request' });
    });
  });

  describe('that were submitted without waiting for an answer', () => {
    const submission = (payload: TaskSpec, deliveries = 1) => ({
      ok: true as const,
      payload,
      raw: JSON.stringify(payload),
      deliveryId: randomUUID(),
      deliveries,
    });

    it('are one task for every delivery of one message, with or without an id', async () => {
      const message = submission(spec({ labels: ['redelivered'] }));
      await Promise.all([on.intake.submit(message), on.intake.submit(message), on.intake.submit(message)]);
      expect(
        await on.repository.list({ state: undefined, label: 'redelivered', beforeSeq: undefined, limit: 10 }),
      ).toHaveLength(1);
    });

    it('wait for a dependency that another orchestrator may be storing, but not for ever', async () => {
      const message = submission(spec({ id: 'patient', dependsOn: ['late'] }));
      await expect(on.intake.submit(message)).rejects.toMatchObject({ code: 'unavailable', retryable: true });
      await create({ id: 'late' });
      await on.intake.submit({ ...message, deliveries: 2 });
      expect(await stateOf('patient')).toBe('blocked');
      await on.intake.submit(submission(spec({ id: 'hopeless', dependsOn: ['never'] }), 4));
      expect(await on.facts()).toContain('task.rejected.hopeless');
    });

    it('are refused once, with the message cut to what a fact carries', async () => {
      const refused = {
        ok: false as const,
        error: new PurserError('invalid_request', { message: 'wrong' }),
        raw: `{"id": "large", "text": "${'x'.repeat(100_000)}"}`,
        deliveryId: randomUUID(),
        deliveries: 1,
      };
      await on.intake.submit(refused);
      await on.intake.submit(refused);
      const rows = await database.query<{ event: string }>(
        `SELECT event FROM outbox WHERE subject = 'task.rejected.large'`,
      );
      expect(rows).toHaveLength(1);
      expect((JSON.parse(rows[0]?.event ?? '') as { data: { payload: string } }).data.payload).toHaveLength(8192);
    });
  });

  it('are cancelled at once when they do not run, twice without error, but not when they are done', async () => {
    const id = await create();
    await on.tasks.cancel(id);
    await on.tasks.cancel(id);
    expect(await stateOf(id)).toBe('cancelled');
    expect((await on.facts()).filter((subject) => subject === `task.cancelled.${id}`)).toHaveLength(1);
    const done = await create();
    await run(done, 'completed');
    await expect(on.tasks.cancel(done)).rejects.toMatchObject({ code: 'conflict', details: { state: 'completed' } });
    await expect(on.tasks.cancel('nobody')).rejects.toMatchObject({ code: 'not_found' });
  });

  it('fail when they wait beyond their deadline, and take what depends on them along', async () => {
    const late = await create({ deadline: new Date(Date.now() + 100).toISOString() });
    const next = await create({ dependsOn: [late] });
    await eventually(async () => {
      await on.tasks.failOverdue();
      expect(await stateOf(late)).toBe('failed');
    });
    expect((await on.repository.find(late))?.error).toMatchObject({ code: 'deadline' });
    expect(await stateOf(next)).toBe('failed');
  });

  it('with a budget are not handed out before it is set', async () => {
    const id = await create({ budgetUsd: '0.000000001', executor: 'paid' });
    const claim = async () =>
      (await on.claims.claim({ requestId: randomUUID(), runner: 'r1', slots: 1, executors: ['paid'] })).assignments;
    expect(await claim()).toEqual([]);
    expect(await on.repository.withoutBudget(10_000)).toContainEqual(expect.objectContaining({ id, budget_nano: 1n }));
    await on.repository.budgetIsSet(id);
    expect(await claim()).toMatchObject([{ taskId: id }]);
  });

  describe('cannot be in a state that makes no sense', () => {
    const broken = async (set: string) => {
      const id = await create();
      return database.query(`UPDATE tasks SET ${set} WHERE id = '${id}'`);
    };

    it.each([
      ["state = 'running'", 'running_has_a_lease'],
      ['lease_until = now()', 'running_has_a_lease'],
      ['cancel_requested = true', 'running_has_a_lease'],
      ["state = 'completed', finished_at = now()", 'completed_has_a_result'],
      ["state = 'completed', result = '1'", 'finished_says_when'],
      ["state = 'failed', finished_at = now()", 'failed_says_why'],
      ["state = 'paused'", 'paused_says_why'],
      ['sessions_used = 1', 'used_sessions_existed'],
      ['budget_ready = false', 'check constraint'],
      ["state = 'lost'", 'check constraint'],
      ["id = ''", 'tasks_id_check'],
      ["id = 'a.b'", 'tasks_id_check'],
      ["id = 'ä'", 'tasks_id_check'],
      ["id = repeat('x', 65)", 'tasks_id_check'],
      ['epoch = -1', 'cannot follow'],
      [
        "state = 'running', epoch = 1, session_id = 'none', runner = 'r', lease_until = now()",
        'running_session_exists',
      ],
      ["state = 'running', epoch = 2, session_id = 'none', runner = 'r', lease_until = now()", 'cannot follow'],
    ])('%s', async (set, constraint) => {
      await expect(broken(set)).rejects.toThrow(constraint);
    });

    it('nor come back from the dead', async () => {
      const id = await create();
      await on.tasks.cancel(id);
      await expect(
        database.query(`UPDATE tasks SET state = 'ready', finished_at = NULL WHERE id = $1`, [id]),
      ).rejects.toThrow('and stays so');
    });

    it('nor have two open sessions', async () => {
      const id = await create();
      const open = (epoch: number) =>
        database.query(
          `INSERT INTO sessions (id, task_id, epoch, runner, claim_request_id) VALUES (gen_random_uuid()::text, $1, $2, 'r', 'c')`,
          [id, epoch],
        );
      await open(1);
      await expect(open(2)).rejects.toThrow('one_open_session');
    });
  });
});
