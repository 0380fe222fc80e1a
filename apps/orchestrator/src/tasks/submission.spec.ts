import { taskBudgetId, TaskSpec, type TaskSpecInput } from '@purser/contracts';
import { idOfDelivery, MAX_INPUT_BYTES, namedId, newTask } from './submission.js';

const spec = (input: Partial<TaskSpecInput> = {}) =>
  TaskSpec.parse({ executor: 'command', input: { argv: ['true'] }, ...input });

describe('a submission', () => {
  it('gets an id when it has none, and keeps the one it has', () => {
    expect(newTask(spec()).id).toMatch(/^[A-Za-z0-9_-]{8,64}$/);
    expect(newTask(spec()).id).not.toBe(newTask(spec()).id);
    expect(newTask(spec({ id: 'mine' })).id).toBe('mine');
  });

  it('turns amounts and times into what is stored', () => {
    expect(newTask(spec({ budgetUsd: 1.5, notBefore: '2026-11-23T11:00:00+01:00' }))).toMatchObject({
      budgetNano: 1_500_000_000n,
      notBefore: Date.parse('2026-11-23T10:00:00Z'),
      deadline: null,
    });
  });

  it('may not wait for itself or carry more than a message can', () => {
    expect(() => newTask(spec({ id: 'a', dependsOn: ['a'] }))).toThrow('dependsOn: "a" cannot wait for itself');
    expect(() => newTask(spec({ input: { text: 'x'.repeat(MAX_INPUT_BYTES) } }))).toThrow('pass a file or a URL');
  });

  it('names the same task at every delivery of a message without an id', () => {
    expect(idOfDelivery('TASKS-1-17')).toBe(idOfDelivery('TASKS-1-17'));
    expect(idOfDelivery('TASKS-1-17')).not.toBe(idOfDelivery('TASKS-1-18'));
  });

  it.each([
    ['{"id": "a", "priority": 99}', 'a'],
    ['{"specversion": "1.0", "id": "event", "data": {"id": "task"}}', 'task'],
    ['{"specversion": "1.0", "id": "event", "data": null}', undefined],
    ['{"id": "not a token"}', undefined],
    ['{"id": 7}', undefined],
    ['null', undefined],
    ['{"id": "a"', undefined],
  ])('that is refused as %s is told under the id %s', (raw, id) => {
    expect(namedId(raw)).toBe(id);
  });

  it('has a budget whose id fits, also under a long id, and no other task’s', () => {
    expect(taskBudgetId('nightly')).toBe('task-nightly');
    const long = [1, 2].map((n) => taskBudgetId(`${'x'.repeat(63)}${n}`));
    for (const id of long) expect(id).toMatch(/^task-x+-[0-9a-f]{24}$/);
    expect(long.map((id) => id.length)).toEqual([64, 64]);
    expect(long[0]).not.toBe(long[1]);
  });
});
