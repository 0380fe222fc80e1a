import { Task, type TaskSpec } from '@purser/contracts';

const AT = '2026-11-23T10:00:00Z';

/** For specs: a task as the control API tells of it. */
export const taskWith = (more: Partial<Task> = {}): Task => {
  const spec: Pick<TaskSpec, 'executor' | 'input'> = { executor: 'command', input: { argv: ['date'] } };
  const nullable = Object.entries(Task.shape).filter(([, schema]) => schema.safeParse(null).success);
  const nothing = Object.fromEntries(nullable.map(([field]) => [field, null]));
  return Task.parse({
    ...nothing,
    ...spec,
    id: 'nightly',
    priority: 5,
    dependsOn: [],
    labels: [],
    limits: {},
    maxSessions: 100,
    retries: 0,
    onDependencyFailure: 'fail',
    paidOnly: false,
    complexity: 'standard',
    state: 'ready',
    epoch: 1,
    sessions: [],
    children: [],
    createdAt: AT,
    updatedAt: AT,
    ...more,
  });
};
