import { randomUUID } from 'node:crypto';
import type { Bus } from '@purser/bus';
import { type FinishOutcome, TaskSpec, tasksSignal } from '@purser/contracts';
import type { Database } from '@purser/database';
import { createLog, Outbox } from '@purser/service';
import { createTestDatabase, type TestDatabase } from '@purser/testing';
import { OnPostgres, openTasks } from '../on-postgres.fixture.js';
import { SignalsRepository } from './signals.repository.js';
import { SignalsService } from './signals.service.js';

jest.setTimeout(60_000);

describe('signals', () => {
  let server: TestDatabase;
  let database: Database;
  let on: OnPostgres;
  let signals: SignalsService;
  let executor: string;

  beforeAll(async () => {
    server = await createTestDatabase({
      template: { name: 'tasks', build: async (url) => (await openTasks(url)).close() },
    });
    database = await openTasks(server.url);
    on = new OnPostgres(database);
    const log = createLog({ service: 'orchestrator', instance: 'spec', level: 'silent' });
    const bus = { connected: false, origin: { service: 'orchestrator', instance: 'spec' } } as Bus;
    const outbox = new Outbox(database, bus, log);
    signals = new SignalsService(database, new SignalsRepository(database), on.repository, outbox, log);
  });

  afterAll(async () => {
    await database?.close();
    await server?.drop();
  });

  beforeEach(() => {
    executor = `e${randomUUID()}`;
  });

  const create = () => on.intake.create(TaskSpec.parse({ executor, input: {}, retries: 5 }));
  const send = (id: string, name: string, more: { payload?: unknown; key?: string } = {}) =>
    signals.send(tasksSignal.request.parse({ id, name, by: 'ada', ...more }));
  const claim = async () => {
    await database.query(`UPDATE tasks SET available_at = '-infinity', lane = '' WHERE executor = $1`, [executor]);
    const asked = { requestId: randomUUID(), runner: 'r1', slots: 10, executors: [executor] };
    return (await on.claims.claim(asked)).assignments;
  };
  const beat = async (taskId: string, epoch: number, received?: number) => {
    const request = { runner: 'r1', sessions: [{ taskId, epoch, ...(received && { signals: received }) }] };
    const [session] = (await signals.answer(request, await on.work.heartbeat(request))).sessions;
    return session?.signals?.map(({ name }) => name) ?? [];
  };
  const finish = async (taskId: string, epoch: number, outcome: FinishOutcome, delivered?: number) => {
    const request = {
      requestId: randomUUID(),
      runner: 'r1',
      taskId,
      epoch,
      outcome,
      ...(delivered && { signals: delivered }),
    };
    await on.work.finish(request);
    await signals.finished(request);
  };
  const goOn: FinishOutcome = { kind: 'continue', reason: 'enough' };
  const states = async (id: string) =>
    (await signals.list({ id, limit: 200 })).signals.map(({ number, state }) => [number, state]).reverse();

  it('wait until a session runs, and come to it in order, with what was sent', async () => {
    const id = await create();
    const first = await send(id, 'first', { payload: { text: 'nul \0 is valid JSON' } });
    expect(first).toMatchObject({ number: 1, name: 'first', state: 'waiting', by: 'ada' });
    await send(id, 'second');
    await claim();
    expect(await beat(id, 1)).toEqual(['first', 'second']);
    await send(id, 'third');
    expect(await beat(id, 1, 2)).toEqual(['third']);
    expect(await beat(id, 1, 3)).toEqual([]);
    expect(await states(id)).toEqual([
      [1, 'delivered'],
      [2, 'delivered'],
      [3, 'delivered'],
    ]);
    expect((await signals.list({ id, limit: 1 })).signals).toMatchObject([{ number: 3 }]);
    expect((await on.facts()).filter((subject) => subject === `task.signalled.${id}`)).toHaveLength(3);
  });

  it('are repeated until the session says that it has them', async () => {
    const id = await create();
    await send(id, 'one');
    await claim();
    for (let round = 0; round < 3; round++) expect(await beat(id, 1)).toEqual(['one']);
  });

  it('that its program was given are not for the next session, and those that it was not are', async () => {
    const id = await create();
    for (const name of ['a', 'b', 'c']) await send(id, name);
    await claim();
    await beat(id, 1);
    await beat(id, 1, 3);
    await finish(id, 1, goOn, 2);
    expect(await states(id)).toEqual([
      [1, 'taken'],
      [2, 'taken'],
      [3, 'waiting'],
    ]);
    await claim();
    expect(await beat(id, 2)).toEqual(['c']);
  });

  it('of a session that was lost or that failed come again to the next one', async () => {
    const id = await create();
    await send(id, 'a');
    await claim();
    await beat(id, 1);
    await beat(id, 1, 1);
    await on.silence(id);
    await on.ends.lapse();
    await claim();
    expect(await beat(id, 2)).toEqual(['a']);
    await beat(id, 2, 1);
    await finish(id, 2, { kind: 'failed', error: { code: 'exit_1', message: 'x' } }, 1);
    await claim();
    expect(await beat(id, 3)).toEqual(['a']);
  });

  it('are for the session that owns the task, and no older one', async () => {
    const id = await create();
    await claim();
    await finish(id, 1, goOn);
    await claim();
    await send(id, 'a');
    expect(await beat(id, 1)).toEqual([]);
    const forged = { runner: 'r1', sessions: [{ taskId: id, epoch: 1, signals: 1 }] };
    await signals.answer(forged, { leaseMs: 1, sessions: [{ taskId: id, epoch: 1, verdict: 'extended' }] });
    expect(await beat(id, 2)).toEqual(['a']);
  });

  it('with the same key are one signal', async () => {
    const id = await create();
    await Promise.all(Array.from({ length: 5 }, () => send(id, 'same', { key: 'k1' })));
    await send(id, 'other', { key: 'k2' });
    expect(await states(id)).toEqual([
      [1, 'waiting'],
      [2, 'waiting'],
    ]);
  });

  it('are numbered without gaps, however many are sent at once, and bounded', async () => {
    const id = await create();
    const sent = await Promise.allSettled(Array.from({ length: 105 }, (_, index) => send(id, `n${index}`)));
    const numbers = sent.flatMap((one) => (one.status === 'fulfilled' ? [one.value.number] : []));
    expect(numbers.sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, index) => index + 1));
    const refused = sent.find((one) => one.status === 'rejected');
    expect(refused?.reason).toMatchObject({ code: 'conflict', details: { limit: 100 } });
    expect(() => tasksSignal.request.parse({ id, name: 'x', payload: 'x'.repeat(33_000) })).toThrow('32 KiB');
  });

  it('that are large come a few at a time, and all of them', async () => {
    const id = await create();
    for (let number = 0; number < 40; number++) await send(id, `n${number}`, { payload: 'x'.repeat(32_000) });
    await claim();
    const got: string[] = [];
    for (let round = 0; got.length < 40 && round < 20; round++) {
      const some = await beat(id, 1, got.length);
      expect(some.length).toBeLessThan(20);
      got.push(...some);
    }
    expect(got).toEqual(Array.from({ length: 40 }, (_, number) => `n${number}`));
  });

  it('are refused for a task that is over, and for none', async () => {
    const id = await create();
    await on.tasks.cancel(id);
    await expect(send(id, 'a')).rejects.toMatchObject({ code: 'conflict', details: { state: 'cancelled' } });
    await expect(send('nobody', 'a')).rejects.toMatchObject({ code: 'not_found' });
    await expect(signals.list({ id: 'nobody', limit: 1 })).rejects.toMatchObject({ code: 'not_found' });
  });
});
