import type { Bus } from '@purser/bus';
import { PurserError, type RequestOf, type budgetsSet, TaskSpec } from '@purser/contracts';
import type { Database } from '@purser/database';
import { createLog } from '@purser/service';
import { createTestDatabase, type TestDatabase } from '@purser/testing';
import { OnPostgres, openTasks } from '../on-postgres.fixture.js';
import type { TaskFacts } from '../tasks/task-facts.js';
import type { Nudge } from '../work/nudge.js';
import { TaskBudgets } from './task-budgets.service.js';

let own: TestDatabase;
let database: Database;
let on: OnPostgres;

beforeAll(async () => {
  own = await createTestDatabase();
  database = await openTasks(own.url);
  on = new OnPostgres(database);
});
afterAll(async () => {
  await database?.close();
  await own?.drop();
});

it('gets to the budget of every task, however many others keep failing', async () => {
  const failing = Array.from({ length: 45 }, (_, n) => `fails-${n}`);
  for (const id of [...failing, 'fine'])
    await on.intake.create(TaskSpec.parse({ id, executor: 'command', input: {}, budgetUsd: '1' }));
  const set: string[] = [];
  const call = (_operation: unknown, { scope }: RequestOf<typeof budgetsSet>) => {
    if (scope?.task !== 'fine') return Promise.reject(new PurserError('timeout'));
    set.push(scope.task);
    return Promise.resolve({});
  };
  const log = createLog({ service: 'orchestrator', instance: 'spec', level: 'silent' });
  const nudge = { workIsReady: () => undefined } as unknown as Nudge;
  const bus = { connected: true, call } as unknown as Bus;
  const budgets = new TaskBudgets(database, on.repository, bus, {} as TaskFacts, nudge, log);
  for (let n = 0; n < 3; n += 1) await budgets.setMissing();
  expect(set).toEqual(['fine']);
  expect(await on.repository.withoutBudget(100)).toHaveLength(45);
});
