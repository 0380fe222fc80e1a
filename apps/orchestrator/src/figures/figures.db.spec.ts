import { randomUUID } from 'node:crypto';
import {
  type Assignment,
  type FigureName,
  type FinishOutcome,
  type SessionMeasures,
  TaskSpec,
} from '@purser/contracts';
import type { Database } from '@purser/database';
import { createTestDatabase, type TestDatabase } from '@purser/testing';
import { OnPostgres, openTasks } from '../on-postgres.fixture.js';
import { MeasuresRepository } from '../worth/measures.repository.js';
import { figuresOf } from './figures.js';
import { FiguresRepository } from './figures.repository.js';

jest.setTimeout(60_000);

const START = new Date('2026-11-23T10:00:00Z');
const later = (seconds: number): Date => new Date(START.getTime() + seconds * 1_000);
const done: FinishOutcome = { kind: 'completed', result: null };
const goOn: FinishOutcome = { kind: 'continue', reason: 'enough' };
const saved = { number: 1, digest: `sha256:${'a'.repeat(64)}` };

let server: TestDatabase;
let database: Database;
let on: OnPostgres;

beforeEach(async () => {
  server = await createTestDatabase({
    template: { name: 'tasks', build: async (url) => (await openTasks(url)).close() },
  });
  database = await openTasks(server.url);
  on = new OnPostgres(database);
});
afterEach(async () => {
  await database.close();
  await server.drop();
});

const create = () => on.intake.create(TaskSpec.parse({ executor: 'command', input: {} }));
const claim = async (): Promise<Assignment> => {
  const asked = { requestId: randomUUID(), runner: 'r1', slots: 1, executors: ['command'] };
  const [assignment] = (await on.claims.claim(asked)).assignments;
  return assignment ?? Promise.reject(new Error('nothing was handed out'));
};
/** So that the figures are whole numbers. */
const lasted = (taskId: string, epoch: number, from: number, seconds: number) =>
  database.query('UPDATE sessions SET started_at = $3, ended_at = $4 WHERE task_id = $1 AND epoch = $2', [
    taskId,
    epoch,
    later(from),
    later(from + seconds),
  ]);
const session = async (
  outcome: FinishOutcome,
  [from, seconds]: [from: number, seconds: number],
  measures: Partial<SessionMeasures> = {},
): Promise<void> => {
  const { taskId, epoch } = await claim();
  await on.work.finish({ requestId: randomUUID(), runner: 'r1', taskId, epoch, outcome, checkpoint: saved });
  await new MeasuresRepository(database).keep(taskId, epoch, {
    seconds,
    firstProgressSeconds: null,
    unsavedSeconds: 0,
    killed: false,
    resumed: null,
    grade: null,
    ...measures,
  });
  await lasted(taskId, epoch, from, seconds);
};
const lost = async ([from, seconds]: [from: number, seconds: number]): Promise<void> => {
  const { taskId, epoch } = await claim();
  await on.silence(taskId);
  await on.ends.lapse();
  await lasted(taskId, epoch, from, seconds);
};
const figures = async (from = -10, to = 10_000) => {
  const all = figuresOf(await new FiguresRepository(database).count(later(from), later(to)));
  return Object.fromEntries(all.map(({ name, value }) => [name, value])) as Record<FigureName, number | null>;
};

it('says nothing of what was not measured', async () => {
  expect(await figures()).toEqual({
    resource_efficiency: null,
    resume_overhead: null,
    context_preservation: null,
    graceful_shutdowns: null,
    completion_rate: null,
  });
});

it('counts as lost of a lost session what came after the checkpoint that the next one went on from', async () => {
  await create();
  await lost([0, 100]);
  expect(await figures()).toMatchObject({ resource_efficiency: 0, graceful_shutdowns: 0 });
  const resumed = { epoch: 1, number: 3, at: later(80).toISOString(), intact: true };
  await session(done, [110, 100], { resumed, firstProgressSeconds: 10 });
  expect(await figures()).toMatchObject({
    resource_efficiency: 0.9,
    resume_overhead: 0.1,
    context_preservation: 1,
    graceful_shutdowns: 0.5,
  });
});

it('counts what a killed session could not save, once, and that it was killed', async () => {
  await create();
  await session(goOn, [0, 100], { killed: true, unsavedSeconds: 25 });
  expect(await figures()).toMatchObject({ resource_efficiency: 0.75, graceful_shutdowns: 0 });
});

it('takes the worse of time and tokens for what going on costs, against all sessions', async () => {
  await create();
  await session(goOn, [0, 100], { tokens: 1_000 });
  const resumed = { epoch: 1, number: 1, at: later(100).toISOString(), intact: true };
  await session(goOn, [100, 100], { tokens: 1_000, resumed, firstProgressSeconds: 2, firstProgressTokens: 500 });
  expect((await figures()).resume_overhead).toBe(0.25);
});

it('takes all of a resumed session that got nowhere for overhead, but not of one that came to its end', async () => {
  await create();
  await session(goOn, [0, 50]);
  const resumed = { epoch: 1, number: 1, at: later(50).toISOString(), intact: true };
  await session(goOn, [50, 50], { resumed });
  await session(done, [100, 100], { resumed: { ...resumed, epoch: 2 } });
  expect((await figures()).resume_overhead).toBe(0.25);
});

it('misses a checkpoint that came back damaged, and one that did not come back', async () => {
  await create();
  await session(goOn, [0, 10]);
  const resumed = { epoch: 1, number: 1, at: later(0).toISOString(), intact: true };
  await session(goOn, [10, 10], { resumed });
  await session(goOn, [20, 10], { resumed: { ...resumed, intact: false } });
  await session(goOn, [30, 10]);
  expect((await figures()).context_preservation).toBe(1 / 3);
});

it('asks nothing of a session that was given back before it began', async () => {
  await create();
  await session(goOn, [0, 10]);
  await session({ kind: 'released', reason: 'the runner shuts down' }, [10, 0]);
  expect(await figures()).toMatchObject({ context_preservation: null, graceful_shutdowns: 1 });
});

it('looks at the period that is asked for', async () => {
  await create();
  await lost([0, 10]);
  await session(done, [5_000, 10]);
  expect((await figures(4_000)).graceful_shutdowns).toBe(1);
  expect((await figures(-10, 4_000)).graceful_shutdowns).toBe(0);
});
