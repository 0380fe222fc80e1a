import {
  type BudgetLevel,
  type BudgetStatus,
  budgetFacts,
  sessionRefused,
  tasksCancel,
  tasksGet,
} from '@purser/contracts';
import { Client } from 'pg';
import { eventually } from '@purser/testing';
import { LiveOrchestrator, statusOf } from '../worth/orchestrator.fixture.js';

jest.setTimeout(60_000);

const TOMORROW = '2099-01-01T00:00:00.000Z';
const done = { kind: 'completed', result: null } as const;
let live: LiveOrchestrator;

beforeAll(async () => {
  live = await LiveOrchestrator.open({ 'like-1': '0.50', 'like-2': '0.50', 'like-3': '0.50', goes: '0.20' });
});
afterAll(() => live.close());

const set = async (id: string, level: BudgetLevel, settledUsd: string, given: Partial<BudgetStatus> = {}) => {
  const status = statusOf(
    { id, scope: { project: id }, period: 'day', limitUsd: '1.00', ...given },
    level,
    settledUsd,
    TOMORROW,
  );
  live.watchdog.statuses.set(id, status);
  const { limitUsd, window } = status;
  await live.bus.publish(budgetFacts[level], id, { budgetId: id, level, previous: 'ok', limitUsd, window });
};
const waitingOf = async (id: string) => {
  const { state, waiting } = await live.bus.call(tasksGet, { id });
  return { state, waiting };
};
const waits = (id: string, reason: string) =>
  eventually(async () =>
    expect(await waitingOf(id)).toEqual({ state: 'paused', waiting: expect.stringContaining(reason) as string }),
  );
const refuse = (taskId: string, sessionId: string, budgets: string[], needUsd: string) =>
  live.bus.publish(sessionRefused, sessionId, {
    taskId,
    sessionId,
    paidOnly: true,
    budgets,
    needUsd,
    resetsAt: TOMORROW,
  });

it('starts a task at once whose budgets have something left', async () => {
  await live.create({ id: 'rich', paidOnly: true, project: 'plenty' });
  const session = await live.started('rich');
  expect(session).toMatchObject({ paidOnly: true });
  await live.finish(session, done);
  expect(live.facts.map(({ subject }) => subject)).not.toContain('task.paused.rich');
});

it('has one wait whose budget is exhausted, while others go on, until the budget is raised', async () => {
  await set('spent', 'exhausted', '1.00');
  await live.create({ id: 'poor', paidOnly: true, project: 'spent', executor: 'e1' });
  await live.create({ id: 'free', project: 'spent', executor: 'e1' });
  await waits('poor', `budget: "spent" ($1.00 per day) is exhausted; it resets at ${TOMORROW}`);
  expect((await live.claim('e1')).map(({ taskId }) => taskId)).toEqual(['free']);
  await eventually(() => {
    const said = live.facts.filter(({ subject }) => subject === 'task.paused.poor');
    expect(said).toEqual([
      { subject: 'task.paused.poor', data: expect.objectContaining({ taskId: 'poor' }) as unknown },
    ]);
  });
  await set('spent', 'ok', '1.00', { limitUsd: '5.00' });
  await live.finish(await live.started('poor', 'e1'), done);
});

it('goes on in a window that has rolled on, though nobody says so', async () => {
  await set('rolls', 'exhausted', '1.00');
  await live.create({ id: 'patient', paidOnly: true, project: 'rolls', executor: 'e2' });
  await waits('patient', '"rolls"');
  live.watchdog.statuses.set(
    'rolls',
    statusOf({ id: 'rolls', scope: { project: 'rolls' }, period: 'day', limitUsd: '1' }, 'ok', '0', TOMORROW),
  );
  await eventually(async () => expect(await waitingOf('patient')).toMatchObject({ state: 'ready' }), {
    timeoutMs: 15_000,
  });
});

it('pauses a session’s task whose call was refused, and starts it again when that call would fit', async () => {
  await set('nearly', 'ok', '0.99');
  await live.create({ id: 'goes', paidOnly: true, project: 'nearly', executor: 'e3', maxSessions: 1 });
  const session = await live.started('goes', 'e3');
  await refuse('goes', session.sessionId, ['nearly'], '0.05');
  await live.bus.connection.flush();
  await live.finish(session, { kind: 'released', reason: 'budget: "nearly" does not cover its next call' });
  await waits('goes', '"nearly" ($1.00 per day) has less left than $0.05');
  expect(await live.claim('e3')).toEqual([]);
  await set('nearly', 'ok', '0.90');
  const again = await eventually(
    async () => (await live.claim('e3'))[0] ?? Promise.reject(new Error('nothing is handed out')),
    { timeoutMs: 15_000 },
  );
  expect(again).toMatchObject({ taskId: 'goes', epoch: 2 });
  for (let n = 0; n < 2; n++) await refuse('goes', again.sessionId, ['nearly'], '0.05');
  await eventually(async () => {
    const [row] = await query(`SELECT budget_refusal FROM tasks.tasks WHERE id = 'goes'`);
    expect(row).toMatchObject({ budget_refusal: { budgets: ['nearly'], needNano: '50000000', times: 2 } });
  });
  await live.finish(again, done);
});

it('has any task wait whose session found no money, using up none of its sessions, until the budget is raised', async () => {
  await set('gone', 'exhausted', '1.00');
  await live.create({ id: 'chat', project: 'gone', executor: 'e7', maxSessions: 1 });
  const session = await live.started('chat', 'e7');
  await live.finish(session, { kind: 'continue', reason: 'budget: "gone" is used up', waitsFor: 'budget' });
  await waits('chat', `budget: "gone" ($1.00 per day) is exhausted; it resets at ${TOMORROW}`);
  expect(await live.claim('e7')).toEqual([]);
  await set('gone', 'ok', '1.00', { limitUsd: '5.00' });
  const again = await eventually(
    async () => (await live.claim('e7'))[0] ?? Promise.reject(new Error('nothing is handed out')),
    { timeoutMs: 15_000 },
  );
  expect(again).toMatchObject({ taskId: 'chat', epoch: 2, paidOnly: false });
  await live.finish(again, done);
});

it('has the next session wait when the budget goes while one runs', async () => {
  await set('going', 'ok', '0.10');
  await live.create({ id: 'long', paidOnly: true, project: 'going', executor: 'e4' });
  const session = await live.started('long', 'e4');
  await set('going', 'exhausted', '1.00');
  await eventually(async () => {
    const asked = await query(`SELECT admitted FROM tasks.tasks WHERE id = 'long'`);
    expect(asked).toEqual([{ admitted: false }]);
  });
  await live.finish(session, { kind: 'continue', reason: 'tokens 0.86 of its limit' });
  await waits('long', '"going"');
});

it('waits for what like tasks took, and promises it to one task at a time', async () => {
  await set('dear', 'ok', '0.00');
  for (const id of ['like-1', 'like-2', 'like-3']) {
    await live.create({ id, project: 'dear', executor: 'e5' });
    await live.finish(await live.started(id, 'e5'), done);
  }
  // Their records are written when the ledger has their last calls.
  await eventually(
    async () => {
      const { prediction } = await live.create({ id: 'next-1', paidOnly: true, project: 'dear', executor: 'e5' });
      expect(prediction).toMatchObject({ basis: 'history', tasks: 3, usd: { median: '0.50', p90: '0.50' } });
    },
    { timeoutMs: 30_000, everyMs: 500 },
  );
  await set('dear', 'ok', '0.40');
  await eventually(async () => expect(await waitingOf('next-1')).toMatchObject({ state: 'ready' }), {
    timeoutMs: 15_000,
  });
  await live.create({ id: 'next-2', paidOnly: true, project: 'dear', executor: 'e5' });
  await waits('next-2', '"dear" ($1.00 per day) has less left than $0.50');
  await set('dear', 'ok', '0.60');
  await waits('next-1', '"dear"');
});

it('leaves alone what a person paused, and ends with a cancel what it paused itself', async () => {
  await set('cut', 'exhausted', '1.00');
  await live.create({ id: 'held', paidOnly: true, project: 'cut' });
  await live.create({ id: 'dropped', paidOnly: true, project: 'cut' });
  await waits('held', '"cut"');
  await waits('dropped', '"cut"');
  await query(`UPDATE tasks.tasks SET paused_reason = 'person: ada: not now' WHERE id = 'held'`);
  expect(await live.bus.call(tasksCancel, { id: 'dropped' })).toMatchObject({ state: 'cancelled' });
  await live.create({ id: 'after', paidOnly: true, project: 'cut' });
  await set('cut', 'ok', '0');
  await live.started('after');
  expect(await waitingOf('held')).toEqual({ state: 'paused', waiting: 'person: ada: not now' });
});

it('says so while nobody can tell what budgets have, and starts the task when somebody can', async () => {
  live.watchdog.here = false;
  await live.create({ id: 'blind', paidOnly: true, executor: 'e6' });
  await waits('blind', 'no cost-watchdog answers');
  live.watchdog.here = true;
  await eventually(async () => expect(await waitingOf('blind')).toMatchObject({ state: 'ready' }), {
    timeoutMs: 15_000,
  });
});

async function query(text: string): Promise<unknown[]> {
  const client = new Client({ connectionString: live.database.url });
  await client.connect();
  try {
    return (await client.query(text)).rows as unknown[];
  } finally {
    await client.end();
  }
}
