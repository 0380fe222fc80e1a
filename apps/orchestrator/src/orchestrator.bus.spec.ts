import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect as connectSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Bus, unframe } from '@purser/bus';
import {
  type Progress,
  servicesList,
  tasksCancel,
  tasksCreate,
  tasksBatch,
  tasksGet,
  tasksList,
  workAvailable,
  workClaim,
  workFinish,
  workHeartbeat,
} from '@purser/contracts';
import type { RunningService } from '@purser/service';
import { createTestDatabase, eventually, startTestNats, type TestDatabase, type TestNats } from '@purser/testing';
import { start } from './index.js';
import { openTasks } from './on-postgres.fixture.js';
import { StandInWatchdog } from './stand-in-watchdog.fixture.js';

jest.setTimeout(60_000);

/** What only time leaves behind is not looked for often. */
const UPKEEP = { timeoutMs: 20_000 };

const work = (id?: string) => ({ ...(id === undefined ? {} : { id }), executor: 'command', input: { argv: ['true'] } });

/** The whole app on a real nats-server and a real Postgres; a stand-in speaks for the watchdog. */
describe('the orchestrator', () => {
  let nats: TestNats;
  let database: TestDatabase;
  let home: string;
  let bus: Bus;
  let env: Record<string, string>;
  let service: RunningService;
  let watchdog: StandInWatchdog;
  const facts: { subject: string; data: Record<string, unknown> }[] = [];

  const factSeen = (subject: string) =>
    eventually(() => facts.find((fact) => fact.subject === subject) ?? Promise.reject(new Error(`no ${subject}`)));
  const claim = (requestId: string, slots = 1) =>
    bus.call(workClaim, { requestId, runner: 'r1', slots, executors: ['command'] });

  beforeAll(async () => {
    [nats, database, home] = await Promise.all([
      startTestNats(),
      createTestDatabase(),
      mkdtemp(join(tmpdir(), 'purser-orchestrator-')),
    ]);
    env = {
      PURSER_NATS_URL: nats.url,
      PURSER_DATABASE_URL: database.url,
      PURSER_HOME: home,
      PURSER_API_PORT: '0',
      PURSER_LOG_LEVEL: 'silent',
      PURSER_LEASE_MS: '1500',
    };
    bus = await Bus.connect({ url: nats.url, service: 'tools', instance: 'spec' });
    await bus.ensureStreams();
    bus.connection.subscribe('task.>', {
      callback: (_error, message) => {
        const { data } = unframe(message.string(), message.subject);
        facts.push({ subject: message.subject, data: data as Record<string, unknown> });
      },
    });
    watchdog = new StandInWatchdog(bus, { paid: '0.25' });
    service = await start(env);
    await watchdog.beat();
  });

  afterAll(async () => {
    watchdog?.stop();
    await service?.close();
    await bus?.close();
    await Promise.all([nats?.stop(), database?.drop()]);
    await rm(home, { recursive: true, force: true });
  });

  /** Claims until it is handed the task, and finishes others that it is given. */
  const handed = (id: string) =>
    eventually(async () => {
      const { assignments } = await claim(`claim-${id}-${Math.random().toString(36).slice(2)}`, 10);
      for (const other of assignments.filter(({ taskId }) => taskId !== id)) {
        await bus.call(workFinish, {
          requestId: `${other.sessionId}-f`,
          runner: 'r1',
          taskId: other.taskId,
          epoch: other.epoch,
          outcome: { kind: 'completed', result: null },
        });
      }
      return assignments.find(({ taskId }) => taskId === id) ?? Promise.reject(new Error('not handed out'));
    });
  const finish = (taskId: string, epoch: number, outcome: Parameters<typeof outcomeOf>[0], progress?: Progress) =>
    bus.call(workFinish, {
      requestId: `${taskId}-${epoch}-f`,
      runner: 'r1',
      taskId,
      epoch,
      outcome,
      ...(progress ? { progress } : {}),
    });
  const outcomeOf = (outcome: { kind: 'completed'; result: unknown } | { kind: 'released'; reason: string }) => outcome;

  const submit = (body: unknown) =>
    bus.connection.publish('tasks.submit', typeof body === 'string' ? body : JSON.stringify(body));

  it('takes a task from a bare socket that speaks the NATS text protocol, as raw JSON', async () => {
    const payload = JSON.stringify(work('from-socket'));
    const socket = connectSocket(nats.port, '127.0.0.1');
    await once(socket, 'connect');
    socket.write(`CONNECT {"verbose":false}\r\nPUB tasks.submit ${payload.length}\r\n${payload}\r\nPING\r\n`);
    await once(socket, 'data');
    socket.destroy();
    expect((await factSeen('task.created.from-socket')).data).toMatchObject({
      taskId: 'from-socket',
      executor: 'command',
    });
    expect(await bus.call(tasksGet, { id: 'from-socket' })).toMatchObject({ state: 'ready', epoch: 0, sessions: [] });
  });

  it('takes a CloudEvent, refuses what is wrong with a fact, and blocks nobody', async () => {
    submit({ ...work('misspelt'), limts: { tokens: 5 } });
    submit('not json at all \0');
    submit({ specversion: '1.0', id: 'e1', source: 'x', type: 'y', data: { ...work('in-event'), priority: 77 } });
    submit({ ...work('early'), dependsOn: ['nobody'] });
    submit(work('after-the-wrong-ones'));
    await factSeen('task.created.after-the-wrong-ones');
    expect((await factSeen('task.rejected.misspelt')).data).toMatchObject({
      error: { code: 'invalid_request', message: expect.stringContaining('limts') as string },
    });
    expect((await factSeen('task.rejected.in-event')).data).toMatchObject({
      error: { message: expect.stringContaining('priority') as string },
    });
    expect((await factSeen('task.rejected.early')).data).toMatchObject({
      error: { message: expect.stringContaining('"nobody"') as string },
    });
    const unnamed = facts.filter((fact) => fact.data.payload === 'not json at all \0');
    expect(unnamed).toHaveLength(1);
    await eventually(async () => {
      const { num_pending, num_ack_pending } = await bus.manager.consumers.info('TASKS', 'tasks-submit');
      expect({ num_pending, num_ack_pending }).toEqual({ num_pending: 0, num_ack_pending: 0 });
    });
  });

  it('takes several in one message, as an array or as lines, and refuses each by itself', async () => {
    const lines = [work('line-1'), { ...work('line-2'), executor: 7 }, work('line-3')].map((one) =>
      JSON.stringify(one),
    );
    bus.connection.publish('tasks.submit', lines.join('\n'));
    submit([{ ...work('item-1'), dependsOn: ['item-2'] }, work('item-2')]);
    await Promise.all(['line-1', 'line-3', 'item-1', 'item-2'].map((id) => factSeen(`task.created.${id}`)));
    expect((await factSeen('task.rejected.line-2')).data).toMatchObject({ payload: lines[1] });
    // What waits for another one first: it would fail with that one.
    for (const id of ['line-1', 'line-3', 'item-1', 'item-2']) await bus.call(tasksCancel, { id });
  });

  it('answers for each of several, and says when they are more than a message may carry', async () => {
    const reply = await bus.call(tasksBatch, { tasks: [work('batch-1'), { ...work('batch-2'), retries: -1 }] });
    expect(reply).toMatchObject({
      taken: 1,
      refused: 1,
      results: [
        { index: 0, id: 'batch-1', state: 'ready', created: true, error: null },
        { index: 1, id: 'batch-2', state: null, created: false, error: { code: 'invalid_request' } },
      ],
    });
    await bus.call(tasksCancel, { id: 'batch-1' });
    const large = Array.from({ length: 9 }, () => ({ ...work(), input: { text: 'x'.repeat(1024 * 1024) } }));
    await expect(bus.call(tasksBatch, { tasks: large })).rejects.toMatchObject({
      code: 'payload_too_large',
      message: expect.stringContaining('8388608') as string,
    });
  });

  it('keeps what was published while it was down', async () => {
    await service.close();
    submit(work('while-down'));
    await bus.connection.flush();
    service = await start(env);
    await watchdog.beat();
    await factSeen('task.created.while-down');
  });

  it('makes one task of an id that comes twice, and refuses another task under it', async () => {
    const [first, second] = await Promise.all([
      bus.call(tasksCreate, work('twice')),
      bus.call(tasksCreate, work('twice')),
    ]);
    // The one that was stored is told without asking the ledger; the other one is read.
    const { usage: _, ...rest } = first;
    expect(second).toMatchObject(rest);
    submit({ ...work('twice'), priority: 5 });
    await expect(bus.call(tasksCreate, { ...work('twice'), priority: 9 })).rejects.toMatchObject({
      code: 'conflict',
      details: { fields: ['priority'] },
    });
    submit({ ...work('twice'), executor: 'chat' });
    expect((await factSeen('task.rejected.twice')).data).toMatchObject({ error: { code: 'conflict' } });
    expect(facts.filter((fact) => fact.subject === 'task.created.twice')).toHaveLength(1);
  });

  it('hands a task out once, extends, and completes it with its result and history', async () => {
    await bus.call(tasksCreate, { ...work('done-well'), priority: 9 });
    const { assignments, leaseMs } = await claim('c-done', 1);
    expect(leaseMs).toBe(1500);
    expect(assignments).toMatchObject([{ taskId: 'done-well', epoch: 1, input: { argv: ['true'] } }]);
    expect((await claim('c-done', 1)).assignments).toEqual(assignments);
    await factSeen('task.started.done-well');

    const beatOnce = (number: number) =>
      bus.call(workHeartbeat, {
        runner: 'r1',
        sessions: [
          {
            taskId: 'done-well',
            epoch: 1,
            progress: { done: number, total: 3, note: 'nul \0 is valid JSON' },
            checkpoint: { number, digest: `sha256:${number}` },
          },
          { taskId: 'done-well', epoch: 7 },
        ],
      });
    expect((await beatOnce(1)).sessions.map(({ verdict }) => verdict)).toEqual(['extended', 'lost']);
    expect((await factSeen('task.progressed.done-well')).data).toMatchObject({ progress: { done: 1, total: 3 } });
    expect((await factSeen('task.checkpointed.done-well')).data).toMatchObject({ number: 1, digest: 'sha256:1' });

    await expect(finish('done-well', 2, { kind: 'completed', result: 1 })).rejects.toMatchObject({
      code: 'stale_epoch',
    });
    const done = outcomeOf({ kind: 'completed', result: { answer: [42] } });
    const all = { done: 3, total: 3 };
    expect(await Promise.all([finish('done-well', 1, done, all), finish('done-well', 1, done, all)])).toEqual([
      { state: 'completed' },
      { state: 'completed' },
    ]);
    expect((await factSeen('task.completed.done-well')).data).toMatchObject({ result: { answer: [42] } });
    const task = await bus.call(tasksGet, { id: 'done-well' });
    expect(task).toMatchObject({
      state: 'completed',
      result: { answer: [42] },
      spentUsd: '0.00',
      progress: all,
      sessions: [{ epoch: 1, runner: 'r1', outcome: 'completed' }],
    });
  });

  it('revives a task whose runner fell silent, and refuses what the old session still says', async () => {
    await bus.call(tasksCreate, { ...work('orphan'), priority: 9 });
    const first = await handed('orphan');
    const second = await handed('orphan');
    expect(second).toMatchObject({ epoch: first.epoch + 1 });
    expect(second.sessionId).not.toBe(first.sessionId);
    await expect(finish('orphan', first.epoch, { kind: 'completed', result: null })).rejects.toMatchObject({
      code: 'stale_epoch',
    });
    await finish('orphan', second.epoch, { kind: 'completed', result: null });
    expect((await bus.call(tasksGet, { id: 'orphan' })).sessions.map(({ outcome }) => outcome)).toEqual([
      'lost',
      'completed',
    ]);
  });

  it('sets the budget of a task before it hands it out', async () => {
    watchdog.here = false;
    const waiting = await bus.call(tasksCreate, { ...work('paid'), budgetUsd: 1.5, priority: 9 });
    expect(waiting).toMatchObject({
      state: 'ready',
      budgetUsd: '1.50',
      waiting: 'its budget is being set',
      spentUsd: '0.00',
    });
    expect(await bus.call(tasksGet, { id: 'paid' })).toMatchObject({ spentUsd: null, usage: null });
    expect((await claim('c-early', 100)).assignments.map(({ taskId }) => taskId)).not.toContain('paid');
    watchdog.here = true;
    await handed('paid');
    expect(watchdog.budgets.at(-1)).toMatchObject({
      id: 'task-paid',
      scope: { task: 'paid' },
      period: 'total',
      limitUsd: '1.50',
      onExhausted: 'free',
    });
    expect(await bus.call(tasksGet, { id: 'paid' })).toMatchObject({
      spentUsd: '0.25',
      usage: { inputTokens: 42, outputTokens: 8, requests: 2, usd: '0.25' },
      sessions: [{ usage: { inputTokens: 40, outputTokens: 5, requests: 1, usd: '0.00' } }],
    });
    await finish('paid', 1, { kind: 'completed', result: null });
  });

  it('takes the budget back an hour after the end of its task, once', async () => {
    const tasks = await openTasks(database.url);
    try {
      await bus.call(tasksCreate, { ...work('paid-too'), budgetUsd: 1, priority: 9 });
      await handed('paid-too');
      await finish('paid-too', 1, { kind: 'completed', result: null });
      // Where no task is open, it is looked for less often still.
      await bus.call(tasksCreate, { ...work('open'), notBefore: new Date(Date.now() + 3_600_000).toISOString() });
      await tasks.query(`UPDATE tasks SET finished_at = now() - interval '61 minutes' WHERE id = 'paid'`);
      await eventually(async () => {
        const rows = await tasks.query(`SELECT id FROM tasks WHERE budget_deleted`);
        expect(rows).toEqual([{ id: 'paid' }]);
      }, UPKEEP);
      expect(watchdog.deleted).toEqual(['task-paid']);
      expect(await bus.call(tasksGet, { id: 'paid' })).toMatchObject({ budgetUsd: '1.50', spentUsd: '0.25' });
    } finally {
      await bus.call(tasksCancel, { id: 'open' });
      await tasks.close();
    }
  });

  it('says that no runner can do a task, but not before it can know', async () => {
    const id = 'for-nobody';
    await bus.call(tasksCreate, { ...work(id), executor: 'abacus' });
    expect((await bus.call(tasksGet, { id })).waiting).toBeNull();
    const tasks = await openTasks(database.url);
    await tasks
      .query(`UPDATE tasks SET updated_at = now() - interval '6 s' WHERE id = $1`, [id])
      .finally(() => tasks.close());
    const says = 'no runner that is alive has the executor "abacus"';
    await eventually(async () => expect((await bus.call(tasksGet, { id })).waiting).toBe(says));
    await bus.call(workClaim, {
      requestId: 'c-abacus',
      runner: 'r-abacus',
      slots: 1,
      executors: ['command', 'abacus'],
    });
    const { state, waiting } = await bus.call(tasksGet, { id });
    expect([state, waiting]).toEqual(['running', null]);
  });

  it('hands nothing out while the latch is set, says so, and wakes runners at the reset', async () => {
    watchdog.latch = { ...watchdog.latch, serial: 2, active: true, by: 'ada', reason: 'drill' };
    await watchdog.beat();
    await bus.call(tasksCreate, work('held-back'));
    await eventually(async () => {
      expect((await bus.call(tasksGet, { id: 'held-back' })).waiting).toMatch(/^emergency since .*ada: drill/);
    });
    expect((await claim('c-latch', 100)).assignments).toEqual([]);
    let woken = 0;
    bus.connection.subscribe(workAvailable.name, { callback: () => void woken++ });
    await bus.connection.flush();
    watchdog.latch = { ...watchdog.latch, active: false };
    await watchdog.beat();
    await eventually(() => expect(woken).toBeGreaterThan(0));
    await handed('held-back');
    await finish('held-back', 1, { kind: 'completed', result: null });
  });

  it('pages through tasks, newest first', async () => {
    const seen: string[] = [];
    let after: string | undefined;
    do {
      const page = await bus.call(tasksList, { limit: 3, ...(after === undefined ? {} : { after }) });
      seen.push(...page.tasks.map(({ id }) => id));
      after = page.next ?? undefined;
    } while (after !== undefined);
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen.at(-1)).toBe('from-socket');
  });

  it('knows who is alive', async () => {
    await eventually(async () => {
      const { services } = await bus.call(servicesList, {});
      expect(services.map((one) => one.service)).toEqual(['cost-watchdog', 'orchestrator']);
    });
  });

  it('goes on after the nats-server was killed, and loses no session for it', async () => {
    await bus.call(tasksCreate, { ...work('through-a-crash'), priority: 9 });
    const { epoch } = await handed('through-a-crash');
    await nats.kill();
    // Longer than the lease: only the grace after the reconnection keeps the session.
    await new Promise((resolve) => setTimeout(resolve, 1_600));
    await nats.restart();
    const sessions = [{ taskId: 'through-a-crash', epoch }];
    // Either may be back first; a runner asks again too.
    const renewed = await eventually(() => bus.call(workHeartbeat, { runner: 'r1', sessions }));
    expect(renewed.sessions).toEqual([{ taskId: 'through-a-crash', epoch, verdict: 'extended' }]);
    submit(work('after-the-crash'));
    await factSeen('task.created.after-the-crash');
  });
});
