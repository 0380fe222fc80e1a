import { randomUUID } from 'node:crypto';
import { type Assignment, type FinishOutcome, TaskSpec, type TaskSpecInput } from '@purser/contracts';
import type { Database } from '@purser/database';
import { createTestDatabase, type TestDatabase } from '@purser/testing';
import { OnPostgres, openTasks } from '../on-postgres.fixture.js';
import { AdmissionRepository, NOT_LOOKED_AT } from './admission.repository.js';

jest.setTimeout(60_000);

const goOn: FinishOutcome = { kind: 'continue', reason: 'enough' };

let server: TestDatabase;
let database: Database;
let on: OnPostgres;
let admission: AdmissionRepository;

beforeEach(async () => {
  server = await createTestDatabase({
    template: { name: 'tasks', build: async (url) => (await openTasks(url)).close() },
  });
  database = await openTasks(server.url);
  on = new OnPostgres(database);
  admission = new AdmissionRepository(database);
});
afterEach(async () => {
  await database.close();
  await server.drop();
});

const create = (input: Partial<TaskSpecInput> = {}) =>
  on.intake.create(TaskSpec.parse({ executor: 'command', input: {}, ...input }));
const claim = async (): Promise<Assignment[]> =>
  (await on.claims.claim({ requestId: randomUUID(), runner: 'r1', slots: 10, executors: ['command'] })).assignments;
const finish = ({ taskId, epoch }: Assignment, outcome: FinishOutcome) =>
  on.work.finish({ requestId: randomUUID(), runner: 'r1', taskId, epoch, outcome });
const admit = (id: string) => database.transaction((tx) => admission.admit(tx, [id]));
const stateOf = async (id: string) => {
  const row = await on.repository.find(id);
  return [row?.state, row?.paused_reason];
};
const HELD_BACK = ['paused', NOT_LOOKED_AT];

it('is not handed out before it was admitted, though it was just submitted', async () => {
  const [waiting, other] = [await create({ paidOnly: true }), await create()];
  expect((await claim()).map(({ taskId }) => taskId)).toEqual([other]);
  expect(await stateOf(waiting)).toEqual(HELD_BACK);
  await admit(waiting);
  expect((await claim()).map(({ taskId }) => taskId)).toEqual([waiting]);
});

it('waits also when what it depended on is done', async () => {
  const first = await create();
  const second = await create({ paidOnly: true, dependsOn: [first] });
  expect((await stateOf(second))[0]).toBe('blocked');
  expect(await admit(second)).toBe(0);
  const [session] = await claim();
  await finish(session!, { kind: 'completed', result: null });
  expect(await stateOf(second)).toEqual(HELD_BACK);
});

it('goes on at once after a session, unless its budget has gone meanwhile', async () => {
  const id = await create({ paidOnly: true });
  await admit(id);
  const [first] = await claim();
  await finish(first!, goOn);
  const [second] = await claim();
  expect(second).toMatchObject({ taskId: id, epoch: 2 });
  await database.transaction((tx) => admission.toEnd(tx, [id]));
  await finish(second!, goOn);
  expect(await stateOf(id)).toEqual(HELD_BACK);
  expect(await claim()).toEqual([]);
});

it('waits, too, when its session was lost after a call of it was refused, or ended before that was heard', async () => {
  const [lost, ended] = [await create({ paidOnly: true }), await create({ paidOnly: true })];
  await admit(lost);
  await admit(ended);
  const [first, second] = await claim();
  await admission.refused(lost, first!.sessionId, { budgets: ['daily'], needNano: '5' });
  await on.silence(lost);
  await on.ends.lapse();
  await finish(second!, goOn);
  expect((await stateOf(ended))[0]).toBe('ready');
  await admission.refused(ended, second!.sessionId, { budgets: ['daily'], needNano: '5' });
  for (const id of [lost, ended]) expect(await stateOf(id)).toEqual(HELD_BACK);
});

it('does not mind a refusal of a session that another one followed, or of a task that is over', async () => {
  const id = await create({ paidOnly: true });
  await admit(id);
  const [first] = await claim();
  await finish(first!, goOn);
  const [second] = await claim();
  await admission.refused(id, first!.sessionId, { budgets: ['daily'], needNano: '5' });
  await finish(second!, { kind: 'completed', result: null });
  await admission.refused(id, second!.sessionId, { budgets: ['daily'], needNano: '5' });
  expect(await stateOf(id)).toEqual(['completed', null]);
});

it('is known with the tasks that it is a part of, all the way up', async () => {
  const top = await create();
  const middle = await create({ parent: top });
  await create({ id: 'part', parent: middle, paidOnly: true });
  await create({ id: 'alone', paidOnly: true, priority: 1 });
  expect(await admission.page(undefined, 10)).toMatchObject([
    { id: 'part', ancestors: [middle, top] },
    { id: 'alone', ancestors: [] },
  ]);
});

it('is left to the person who paused it', async () => {
  const id = await create({ paidOnly: true });
  await database.query(`UPDATE tasks SET paused_reason = 'person: ada' WHERE id = $1`, [id]);
  expect(await admit(id)).toBe(0);
  const held = await database.transaction((tx) => admission.holdBack(tx, [{ id, reason: 'budget: none' }]));
  expect(held).toEqual([]);
  expect(await admission.page(undefined, 10)).toEqual([]);
  expect(await stateOf(id)).toEqual(['paused', 'person: ada']);
});
