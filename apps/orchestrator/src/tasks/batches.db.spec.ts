import { randomUUID } from 'node:crypto';
import { TaskSpec } from '@purser/contracts';
import type { Database } from '@purser/database';
import { createTestDatabase, type TestDatabase } from '@purser/testing';
import { OnPostgres, openTasks } from '../on-postgres.fixture.js';

jest.setTimeout(60_000);

describe('several tasks at once', () => {
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

  const work = (id?: string, more: object = {}) => ({
    ...(id && { id }),
    executor: 'command',
    input: { argv: ['true'] },
    ...more,
  });
  const stateOf = async (id: string) => (await on.repository.find(id))?.state;
  const outcomes = async (...items: unknown[]) =>
    (await on.intake.createMany(items)).map((one) => ('error' in one ? one.error.message : one.taken.kind));
  const count = async (where: string) =>
    Number((await database.query<{ n: bigint }>(`SELECT count(*) AS n FROM tasks WHERE ${where}`))[0]?.n);

  it('are taken or refused each by itself, told once, and are the same when they come again', async () => {
    const batch = [
      work('a1'),
      { ...work('a2'), priority: 17 },
      work('a3', { dependsOn: ['nobody'] }),
      '{',
      work('a4'),
      work('a1'),
    ];
    const first = await outcomes(...batch);
    expect(first).toEqual([
      'stored',
      expect.stringMatching(/^task: priority: /),
      expect.stringContaining('there is no task "nobody"'),
      expect.stringContaining('not JSON'),
      'stored',
      'known',
    ]);
    expect((await outcomes(...batch)).filter((one) => one === 'known')).toHaveLength(3);
    expect(await outcomes(work('a1', { priority: 9 }))).toEqual([expect.stringContaining('with another priority')]);
    const facts = (await on.facts()).filter((subject) => /task\.created\.a\d/.test(subject));
    expect(facts).toEqual(['task.created.a1', 'task.created.a4']);
  });

  it('keep the order in which they were given, all 10,000 of them, whatever shares a statement', async () => {
    const batch = Array.from({ length: 10_000 }, (_, n) => work(`many-${n}`, { labels: ['many'] }));
    const answers = await on.intake.createMany(batch);
    expect(answers.every((one) => 'taken' in one && one.taken.kind === 'stored')).toBe(true);
    const rows = await database.query<{ id: string }>(`SELECT id FROM tasks WHERE labels = '{many}' ORDER BY seq`);
    expect(rows.map(({ id }) => id)).toEqual(batch.map(({ id }) => id));
    const facts = (await on.facts()).filter((subject) => subject.startsWith('task.created.many-'));
    expect(facts).toEqual(batch.map(({ id }) => `task.created.${id}`));
  });

  it('may depend on each other in any order, but not in a circle', async () => {
    const given = [
      work('d3', { dependsOn: ['d2', 'd1'] }),
      work('d2', { dependsOn: ['d1'] }),
      work('d1'),
      work('d4', { dependsOn: ['d5'] }),
      work('d5', { dependsOn: ['d4'] }),
      work('d6', { dependsOn: ['d5'] }),
    ];
    expect(await outcomes(...given)).toEqual([
      'stored',
      'stored',
      'stored',
      'dependsOn: waits for itself: d4 -> d5 -> d4',
      'dependsOn: waits for itself: d5 -> d4 -> d5',
      expect.stringContaining('there is no task "d5"'),
    ]);
    expect([await stateOf('d1'), await stateOf('d2'), await stateOf('d3')]).toEqual(['ready', 'blocked', 'blocked']);
    expect(await on.repository.unfinishedDependencies(['d3'])).toEqual([{ id: 'd3', waits_for: ['d1', 'd2'] }]);
  });

  it('do not suffer for one that Postgres will not take', async () => {
    const never = work('broken', { notBefore: '9999-12-31T23:59:59-23:59' });
    await database.query(`ALTER TABLE tasks ADD CONSTRAINT spec CHECK (id <> 'broken')`);
    expect(await outcomes(work('whole-1'), never, work('whole-2'))).toEqual([
      'stored',
      expect.stringContaining('defect in Purser'),
      'stored',
    ]);
    await database.query('ALTER TABLE tasks DROP CONSTRAINT spec');
  });

  it('are one task where many hand in the same at once, one by one and in batches', async () => {
    const ids = Array.from({ length: 20 }, (_, n) => `same-${n}`);
    const batch = () => on.intake.createMany(ids.map((id) => work(id)));
    const single = (id: string) => on.intake.create(TaskSpec.parse(work(id)));
    await Promise.all([batch(), ...ids.map(single), batch(), ...ids.map(single), batch()]);
    expect(await count(`id LIKE 'same-%'`)).toBe(20);
    expect((await on.facts()).filter((subject) => subject.startsWith('task.created.same-'))).toHaveLength(20);
  });

  describe('that came without waiting for an answer', () => {
    const submit = (raw: string, deliveries: number, deliveryId: string = randomUUID()) =>
      on.intake.submit({ ok: false, error: undefined as never, raw, deliveries, deliveryId });
    const rejected = async (like: string) =>
      database.query<{ subject: string; payload: string }>(
        `SELECT subject, event::json -> 'data' ->> 'payload' AS payload FROM outbox WHERE subject LIKE $1`,
        [`task.rejected.${like}`],
      );

    it('are stored once for every delivery of the message, as an array or as lines', async () => {
      const batch = [work(undefined, { labels: ['plain'] }), work('plain-1', { labels: ['plain'] })];
      for (const raw of [JSON.stringify(batch), batch.map((one) => JSON.stringify(one)).join('\n')]) {
        const deliveryId = randomUUID();
        await Promise.all([submit(raw, 1, deliveryId), submit(raw, 2, deliveryId)]);
      }
      expect(await count(`labels = '{plain}'`)).toBe(3);
    });

    it('are rejected each by itself, once, with what was sent', async () => {
      const lines = [JSON.stringify(work('ok-1')), '{"id": "half', '{"id":"bad-2"}'].join('\n');
      const deliveryId = randomUUID();
      await submit(lines, 1, deliveryId);
      await submit(lines, 2, deliveryId);
      expect(await stateOf('ok-1')).toBe('ready');
      expect(await rejected('bad-2')).toEqual([{ subject: 'task.rejected.bad-2', payload: '{"id":"bad-2"}' }]);
      expect((await rejected('%')).filter(({ payload }) => payload === '{"id": "half')).toHaveLength(1);
    });

    it('come again while one waits for a task that is not there yet, but not for ever', async () => {
      const raw = JSON.stringify([work('early', { dependsOn: ['late-one'] }), { id: 'wrong' }]);
      const deliveryId = randomUUID();
      await expect(submit(raw, 1, deliveryId)).rejects.toMatchObject({ code: 'unavailable' });
      expect(await rejected('wrong')).toHaveLength(0);
      await on.intake.createMany([work('late-one')]);
      await submit(raw, 2, deliveryId);
      expect([await stateOf('early'), (await rejected('wrong')).length]).toEqual(['blocked', 1]);
      await submit(JSON.stringify([work('hopeless-1', { dependsOn: ['never'] })]), 4);
      expect(await rejected('hopeless-1')).toHaveLength(1);
    });
  });

  describe('of which one fails', () => {
    const kinds = ['fail', 'skip', 'ignore'] as const;
    const dependents = (prefix: string, on: string) =>
      kinds.map((kind) => work(`${prefix}-${kind}`, { dependsOn: [on], onDependencyFailure: kind }));
    const states = (prefix: string) => Promise.all(kinds.map((kind) => stateOf(`${prefix}-${kind}`)));

    it('fail too, are skipped, or run all the same, as each says; and so do those after them', async () => {
      await on.intake.createMany([
        work('root'),
        ...dependents('next', 'root'),
        ...dependents('then', 'next-skip'),
        work('last', { dependsOn: ['then-ignore', 'next-ignore'], onDependencyFailure: 'ignore' }),
      ]);
      await on.tasks.cancel('root');
      expect(await states('next')).toEqual(['failed', 'cancelled', 'ready']);
      expect(await states('then')).toEqual(['failed', 'cancelled', 'ready']);
      expect(await stateOf('last')).toBe('blocked');
      expect((await on.repository.find('next-skip'))?.error).toEqual({
        code: 'skipped',
        message: 'it depends on "root", which is cancelled',
      });
      expect(await on.facts()).toEqual(
        expect.arrayContaining(['task.failed.next-fail', 'task.cancelled.next-skip', 'task.cancelled.then-skip']),
      );
    });

    it('whenever they come', async () => {
      await on.intake.createMany([work('gone')]);
      await on.tasks.cancel('gone');
      await on.intake.createMany(dependents('after', 'gone'));
      expect(await states('after')).toEqual(['failed', 'cancelled', 'ready']);
    });
  });
});
