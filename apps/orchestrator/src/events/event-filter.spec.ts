import { EventFilter, eventRequest } from './event-filter.js';

describe('which events a client wants', () => {
  it.each([
    [['task.>'], undefined, 'task.created.a', true],
    [['task.>'], undefined, 'alert.info.spike', false],
    [['task.>'], undefined, 'task', false],
    [['task.*.a'], undefined, 'task.created.a', true],
    [['task.*.a'], undefined, 'task.created.a.b', false],
    [['task.created.a'], undefined, 'task.created', false],
    [['alert.>', 'task.completed.*'], undefined, 'task.completed.b', true],
    [undefined, undefined, 'vm.created.x', true],
    [undefined, 'a', 'task.failed.a', true],
    [undefined, 'a', 'task.failed.b', false],
    [undefined, 'a', 'budget.ok.a', false],
    [['task.failed.>'], 'a', 'task.started.a', false],
  ])('%j of task %s: %s is %s', (subjects, task, subject, wanted) => {
    expect(new EventFilter(subjects, task).wants(subject)).toBe(wanted);
  });

  it('lets the server choose where one subject says it all', () => {
    expect(new EventFilter(['task.>']).single).toBe('task.>');
    expect(new EventFilter(undefined, 'a').single).toBe('task.*.a');
    expect(new EventFilter().single).toBeUndefined();
    expect(new EventFilter(['task.>', 'alert.>']).single).toBeUndefined();
  });

  it('is read from the query, and the place from where a browser was', () => {
    expect(eventRequest({ after: '7' }, undefined).after).toBe(7);
    expect(eventRequest({ after: '7' }, '12').after).toBe(12);
    expect(eventRequest({}, '').after).toBeUndefined();
  });

  it.each([
    [{ subjects: 'spend.>' }, /begins with one of task, budget, alert/],
    [{ subjects: 'task.>,' }, /a subject such as/],
    [{ subjects: '>' }, /a subject such as/],
    [{ subjects: 'task.>.x' }, /a subject such as/],
    [{ task: 'a.b' }, /task: 1 to 64/],
    [{ after: 'yesterday' }, /after: the id of an event/],
    [{ tasks: 'a' }, /tasks/],
  ])('%j is refused in words', (query, words) => {
    expect(() => eventRequest(query, undefined)).toThrow(words);
  });
});
