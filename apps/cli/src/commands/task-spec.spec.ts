import { TaskSpec } from '@purser/contracts';
import { taskSpec } from './task-spec.js';

const command = { executor: 'command' };

describe('the task that a command line describes', () => {
  it('is what was given, and nothing else', () => {
    const spec = taskSpec(
      {
        ...command,
        id: 'nightly',
        budget: '1.50',
        priority: 7,
        label: ['x', 'y'],
        tokens: 5000,
        memoryMb: 512,
        env: ['A=1', 'B=c=d'],
      },
      ['sh', '-c', 'echo hi'],
    );
    expect(spec).toEqual({
      executor: 'command',
      input: { argv: ['sh', '-c', 'echo hi'], env: { A: '1', B: 'c=d' } },
      id: 'nightly',
      budgetUsd: '1.50',
      priority: 7,
      labels: ['x', 'y'],
      limits: { tokens: 5000, memoryMb: 512 },
    });
    expect(TaskSpec.safeParse(spec).success).toBe(true);
  });

  it('takes another executor’s input as JSON', () => {
    expect(taskSpec({ executor: 'chat', input: '{"prompt":"hi"}' }, []).input).toEqual({ prompt: 'hi' });
  });

  it.each([
    ['nothing to do', { ...command }, [], /What is to be done/],
    ['input and a program', { ...command, input: '{}' }, ['date'], /either --input or a program/],
    ['broken JSON', { ...command, input: '{' }, [], /--input is not JSON/],
    ['JSON that is no object', { ...command, input: '[1]' }, [], /must be a JSON object/],
    ['a variable without a value', { ...command, env: ['A'] }, ['date'], /--env A is not NAME=value/],
  ])('refuses %s', (_, options, argv, message) => {
    expect(() => taskSpec(options, argv)).toThrow(message);
  });
});
