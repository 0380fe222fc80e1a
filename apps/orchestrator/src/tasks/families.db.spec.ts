import { randomUUID } from 'node:crypto';
import { TaskSpec } from '@purser/contracts';
import type { Database } from '@purser/database';
import { createTestDatabase, type TestDatabase } from '@purser/testing';
import { OnPostgres, openTasks } from '../on-postgres.fixture.js';
import { MOST_ANCESTORS, MOST_CHILDREN } from './family.js';

jest.setTimeout(60_000);

describe('tasks that are parts of others', () => {
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

  const work = (id: string, more: object = {}) => ({ id, executor: 'command', input: { argv: ['true'] }, ...more });
  const create = (id: string, more: object = {}) => on.intake.create(TaskSpec.parse(work(id, more)));
  const part = (id: string, parent: string, more: object = {}) => create(id, { parent, ...more });
  const find = (id: string) => on.repository.find(id);
  const states = async (...ids: string[]) => (await Promise.all(ids.map(find))).map((row) => row?.state);
  const claim = async (executor: string) => {
    const request = { requestId: randomUUID(), runner: 'r1', slots: 10, executors: [executor] };
    return (await on.claims.claim(request)).assignments;
  };

  it('have the project of what they are a part of, and no more than its priority; their runner learns what is above', async () => {
    await create('root', { project: 'web', priority: 3 });
    await part('middle', 'root', { priority: 9 });
    await part('leaf', 'middle', { priority: 1, executor: 'leaves' });
    expect(await find('middle')).toMatchObject({ project: 'web', priority: 3, ancestors: ['root'] });
    expect(await find('leaf')).toMatchObject({ project: 'web', priority: 1, parent_id: 'middle' });
    expect(await claim('leaves')).toMatchObject([{ taskId: 'leaf', ancestors: ['middle', 'root'], project: 'web' }]);
    expect(await on.repository.childrenOf('root')).toEqual([{ id: 'middle', state: 'ready' }]);
    // Handed in again it is the same, whatever it was given of its own.
    await part('middle', 'root', { priority: 9 });
    await expect(part('other', 'root', { project: 'shop' })).rejects.toThrow(
      'project: a part of "root" has the same, web',
    );
    await expect(part('orphan', 'nobody')).rejects.toThrow('parent: there is no task "nobody"');
    await expect(part('self', 'self')).rejects.toThrow('cannot be a part of itself');
  });

  it('may come with it, in any order', async () => {
    const answers = await on.intake.createMany([
      work('b-leaf', { parent: 'b-middle' }),
      work('b-middle', { parent: 'b-root' }),
      work('b-root', { project: 'web' }),
    ]);
    expect(answers.every((one) => 'taken' in one)).toBe(true);
    expect(await find('b-leaf')).toMatchObject({ ancestors: ['b-middle', 'b-root'], project: 'web' });
  });

  it('may narrow its budget, not widen it', async () => {
    await create('rich', { budgetUsd: '2.00' });
    await part('poor', 'rich');
    await expect(part('greedy', 'poor', { budgetUsd: '2.01' })).rejects.toThrow(
      'budgetUsd: must not be more than the 2.00',
    );
    await part('modest', 'poor', { budgetUsd: '0.50' });
    await expect(part('greedy', 'modest', { budgetUsd: '0.51' })).rejects.toThrow('the 0.50 that its parent may spend');
  });

  it('do not start before the budgets above them are set, nor outlive them', async () => {
    await create('paying', { budgetUsd: '1.00', executor: 'payer' });
    await part('free-part', 'paying', { executor: 'paid' });
    await part('own-part', 'free-part', { executor: 'paid', budgetUsd: '0.10' });
    expect(await claim('paid')).toEqual([]);
    await on.repository.budgetIsSet('own-part');
    await on.repository.budgetsAboveAreSet();
    expect(await claim('paid')).toEqual([]);
    await on.repository.budgetIsSet('paying');
    await on.repository.budgetsAboveAreSet();
    await on.repository.budgetIsSet('own-part');
    expect((await claim('paid')).map(({ taskId }) => taskId).sort()).toEqual(['free-part', 'own-part']);

    await on.tasks.cancel('paying', false);
    const old = `UPDATE tasks SET finished_at = now() - interval '2 hours' WHERE id = 'paying'`;
    await database.query(old);
    expect(await on.repository.withOldBudget(10)).not.toContain('paying');
    for (const taskId of ['free-part', 'own-part'])
      await on.work.finish({
        ...{ requestId: randomUUID(), runner: 'r1', taskId, epoch: 1 },
        outcome: { kind: 'completed', result: null },
      });
    expect(await on.repository.withOldBudget(10)).toEqual(['paying']);
  });

  it('are bounded in depth and number, and none is added to what is over', async () => {
    await create('g0');
    for (let depth = 1; depth <= MOST_ANCESTORS; depth++) await part(`g${depth}`, `g${depth - 1}`);
    await expect(part('too-deep', `g${MOST_ANCESTORS}`)).rejects.toThrow('8 tasks above it already');
    await create('parent-of-many');
    await on.intake.createMany(
      Array.from({ length: MOST_CHILDREN - 1 }, (_, n) => work(`child-${n}`, { parent: 'parent-of-many' })),
    );
    const more = await on.intake.createMany(['x', 'y'].map((id) => work(id, { parent: 'parent-of-many' })));
    expect(more.map((one) => 'taken' in one)).toEqual([true, false]);
    await expect(part('z', 'parent-of-many')).rejects.toThrow('10000 parts already');
    await create('gone');
    await part('known-part', 'gone');
    await on.tasks.cancel('gone');
    await expect(part('late', 'gone')).rejects.toMatchObject({ code: 'conflict', details: { state: 'cancelled' } });
    await part('known-part', 'gone');
  });

  it('are cancelled with it, those that run too, unless they are to be left', async () => {
    await on.intake.createMany([
      work('c', {}),
      work('c1', { parent: 'c' }),
      work('c2', { parent: 'c1', executor: 'runs' }),
      work('c3', { parent: 'c2' }),
      work('after-c3', { dependsOn: ['c3'] }),
    ]);
    await claim('runs');
    await on.tasks.cancel('c');
    expect(await states('c', 'c1', 'c2', 'c3', 'after-c3')).toEqual([
      'cancelled',
      'cancelled',
      'running',
      'cancelled',
      'failed',
    ]);
    expect(await find('c2')).toMatchObject({ cancel_requested: true });
    await expect(part('c4', 'c2')).rejects.toThrow('is being cancelled');
    expect(await on.facts()).toEqual(expect.arrayContaining(['task.cancelled.c1', 'task.cancelled.c3']));

    await create('d');
    await part('d1', 'd');
    await on.tasks.cancel('d', false);
    expect(await states('d', 'd1')).toEqual(['cancelled', 'ready']);
  });

  it('do not slip through while it is cancelled', async () => {
    for (let round = 0; round < 10; round++) {
      const root = `race-${round}`;
      await create(root);
      await part(`${root}-a`, root);
      const late = [`${root}-a`, root].map((parent, n) => part(`${root}-late${n}`, parent).catch(() => undefined));
      await Promise.all([on.tasks.cancel(root), ...late]);
      const live = await database.query(`SELECT id FROM tasks WHERE id LIKE '${root}%' AND finished_at IS NULL`);
      expect(live).toEqual([]);
    }
  });
});
