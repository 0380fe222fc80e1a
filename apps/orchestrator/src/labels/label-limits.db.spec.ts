import { randomUUID } from 'node:crypto';
import { type Assignment, TaskSpec } from '@purser/contracts';
import type { Database } from '@purser/database';
import { createTestDatabase, type TestDatabase } from '@purser/testing';
import fc from 'fast-check';
import { OnPostgres, openTasks } from '../on-postgres.fixture.js';
import { waitingFor } from '../tasks/waiting.js';
import { share } from './label-lanes.js';

jest.setTimeout(120_000);

describe('limits of labels', () => {
  let server: TestDatabase;
  let database: Database;
  let orchestrators: OnPostgres[];
  let on: OnPostgres;
  let executor: string;
  let label: string;

  beforeAll(async () => {
    server = await createTestDatabase({
      template: { name: 'tasks', build: async (url) => (await openTasks(url)).close() },
    });
    database = await openTasks(server.url);
    orchestrators = [1, 2, 3].map(() => new OnPostgres(database));
    [on] = orchestrators as [OnPostgres];
  });

  afterAll(async () => {
    await database?.close();
    await server?.drop();
  });

  beforeEach(() => {
    executor = `e${randomUUID()}`;
    label = `l${randomUUID()}`;
  });

  const create = (labels: string[] = [label]) => on.intake.create(TaskSpec.parse({ executor, input: {}, labels }));
  const createMany = async (count: number, labels?: string[]) => {
    const ids: string[] = [];
    for (let at = 0; at < count; at++) ids.push(await create(labels));
    return ids;
  };
  const claim = async (slots: number, by = on) =>
    (await by.claims.claim({ requestId: randomUUID(), runner: 'r1', slots, executors: [executor] })).assignments;
  const finish = ({ taskId, epoch }: Assignment) =>
    on.work.finish({ requestId: randomUUID(), runner: 'r1', taskId, epoch, outcome: { kind: 'completed', result: 1 } });
  const status = async () => (await on.labels.list()).labels.find((one) => one.label === label);
  const ids = (assignments: Assignment[]) => assignments.map(({ taskId }) => taskId);

  it('let so many sessions run at once, and go on when one ends', async () => {
    await on.labels.set({ label, concurrency: 2 });
    const tasks = await createMany(4);
    const first = await claim(10);
    expect(ids(first)).toEqual(tasks.slice(0, 2));
    expect(await claim(10)).toEqual([]);
    expect(await status()).toMatchObject({ concurrency: 2, perMinute: null, running: 2, waiting: 2 });
    await finish(first[0]!);
    expect(ids(await claim(10))).toEqual([tasks[2]]);
  });

  it('hold up nobody who waits behind', async () => {
    await on.labels.set({ label, concurrency: 1 });
    const limited = await createMany(30);
    const others = await createMany(3, ['another']);
    expect(ids(await claim(4))).toEqual([limited[0], ...others]);
  });

  it('keep the order between what is limited and what is not', async () => {
    await on.labels.set({ label, concurrency: 1 });
    const [before] = await createMany(1, []);
    const [limited] = await createMany(2);
    const [after] = await createMany(1, []);
    expect(ids(await claim(1))).toEqual([before]);
    // The limited ones are in their lane only once somebody met them.
    expect(ids([...(await claim(1)), ...(await claim(1))]).toSorted()).toEqual([limited, after].toSorted());
  });

  it('let so many sessions begin within any sixty seconds, however short they are', async () => {
    await on.labels.set({ label, perMinute: 3 });
    await createMany(5);
    for (const session of await claim(10)) await finish(session);
    expect(await status()).toMatchObject({ running: 0, startedLastMinute: 3, waiting: 2 });
    expect(await claim(10)).toEqual([]);
    const ago = (seconds: number) =>
      database.query(
        `UPDATE label_limits SET starts = ARRAY(SELECT at - $2 * interval '1 second' FROM unnest(starts) AS at) WHERE label = $1`,
        [label, seconds],
      );
    await ago(58);
    expect(await claim(10)).toEqual([]);
    await ago(3);
    expect(await claim(10)).toHaveLength(2);
  });

  it('hold for a task with all of its labels', async () => {
    const other = `m${randomUUID()}`;
    await on.labels.set({ label, concurrency: 3 });
    await on.labels.set({ label: other, concurrency: 1 });
    await createMany(2, [other, label]);
    await createMany(4, [label]);
    const claimed = await claim(10);
    expect(claimed.filter(({ labels }) => labels.includes(other))).toHaveLength(1);
    expect(claimed).toHaveLength(3);
    expect(await claim(10)).toEqual([]);
  });

  it('say in the task that it waits for them', async () => {
    await on.labels.set({ label, concurrency: 0 });
    const id = await create();
    expect(await claim(1)).toEqual([]);
    const row = await on.repository.find(id);
    const limits = (await on.labels.list()).labels;
    expect(waitingFor(row!, [], on.latch, { lack: () => false }, limits)).toBe(
      `label "${label}" is at its limit: 0 of 0 sessions at once`,
    );
  });

  it('free what waits when they are taken off or raised', async () => {
    await on.labels.set({ label, concurrency: 0 });
    await createMany(3);
    expect(await claim(10)).toEqual([]);
    await on.labels.set({ label, concurrency: 1 });
    expect(await claim(10)).toHaveLength(1);
    expect(await on.labels.delete({ label })).toEqual({ deleted: true });
    expect(await on.labels.delete({ label })).toEqual({ deleted: false });
    expect(await claim(10)).toHaveLength(2);
    expect(await status()).toBeUndefined();
  });

  it('need a number', async () => {
    await expect(on.labels.set({ label })).rejects.toMatchObject({ code: 'invalid_request' });
  });

  it('are never exceeded, with three orchestrators that hand out at once', async () => {
    await on.labels.set({ label, concurrency: 3, perMinute: 14 });
    const count = 20;
    await createMany(count);
    let begun = 0;
    for (let round = 0; round < 12; round++) {
      const handed = (await Promise.all(orchestrators.flatMap((by) => [claim(2, by), claim(3, by)]))).flat();
      begun += handed.length;
      const [row] = await database.query<{ running: number }>(
        `SELECT count(*)::integer AS running FROM tasks WHERE executor = $1 AND state = 'running'`,
        [executor],
      );
      expect(row?.running).toBeLessThanOrEqual(3);
      await Promise.all(handed.map(finish));
    }
    expect(begun).toBe(14);
  });

  describe('from the file', () => {
    it('apply its changes, and leave alone what a person changed until its own words change', async () => {
      await on.labels.follow({ [label]: { concurrency: 2 } });
      expect(await status()).toMatchObject({ concurrency: 2 });
      await on.labels.set({ label, concurrency: 7 });
      await on.labels.follow({ [label]: { concurrency: 2 } });
      expect(await status()).toMatchObject({ concurrency: 7 });
      await on.labels.follow({ [label]: { concurrency: 3, perMinute: 9 } });
      expect(await status()).toMatchObject({ concurrency: 3, perMinute: 9 });
      await on.labels.delete({ label });
      await on.labels.follow({ [label]: { concurrency: 3, perMinute: 9 } });
      expect(await status()).toBeUndefined();
    });

    it('go with its words, but not those that a person set', async () => {
      await on.labels.follow({ [label]: { perMinute: 5 } });
      await on.labels.follow({});
      expect(await status()).toBeUndefined();
      await on.labels.follow({ [label]: { perMinute: 5 } });
      await on.labels.set({ label, perMinute: 6 });
      await on.labels.follow({});
      expect(await status()).toMatchObject({ perMinute: 6 });
    });
  });
});

it('shares out no more than every label has left', () => {
  const name = fc.constantFrom('a', 'b', 'c');
  const front = fc.uniqueArray(name, { minLength: 1 }).map((labels) => `=${labels.toSorted().join(',')}`);
  fc.assert(
    fc.property(
      fc.array(front, { maxLength: 8 }),
      fc.dictionary(name, fc.nat(5)),
      fc.integer({ min: 1, max: 10 }),
      (lanes, room, slots) => {
        const left = new Map(Object.entries(room));
        const sources = share(
          lanes.map((lane) => ({ lane, executor: 'e' })),
          left,
          slots,
        );
        for (const [label, most] of left) {
          const taken = sources.filter(({ lane }) => lane.slice(1).split(',').includes(label));
          expect(taken.reduce((sum, source) => sum + source.most, 0)).toBeLessThanOrEqual(most);
        }
        // Whoever is first and has room is not passed over.
        const [first] = lanes;
        const roomOfFirst = first
          ?.slice(1)
          .split(',')
          .map((label) => left.get(label) ?? slots) ?? [0];
        if (Math.min(...roomOfFirst) > 0) expect(sources[0]?.lane).toBe(first);
      },
    ),
  );
});
