import { PurserError, type TaskState } from '@purser/contracts';
import { formatUsd } from '@purser/money';
import type { Reference } from './new-tasks.repository.js';
import type { NewTask } from './submission.js';

/** A task of a task of a task ...: an agent that hands all its work on would never end. */
export const MOST_ANCESTORS = 8;
export const MOST_CHILDREN = 10_000;

/**
 * A task as a part of another one. It costs what its parent may cost, so it has its parent's project, whose budget
 * counts, and no more than its priority, by which budgets keep reserves.
 */
export function asChild(task: NewTask, parent: Reference): NewTask {
  const { project: _, ...spec } = task.spec;
  const project = parent.project === null ? {} : { project: parent.project };
  return {
    ...task,
    spec: { ...spec, ...project, priority: Math.min(spec.priority, parent.priority) },
    ancestors: [parent.id, ...parent.ancestors],
    budgetReady: task.budgetReady && parent.budgets_ready,
  };
}

/** @throws PurserError when the parent may not have this task, as it was handed in */
export function checkChild({ spec, budgetNano }: NewTask, parent: Reference): void {
  if (parent.cancel_requested || isOver(parent.state)) {
    const is = parent.cancel_requested ? 'being cancelled' : parent.state;
    throw new PurserError('conflict', {
      message: `parent: the task "${parent.id}" is ${is} and gets no more parts`,
      details: { state: parent.state },
    });
  }
  if (parent.ancestors.length >= MOST_ANCESTORS)
    throw wrong(
      'parent',
      `"${parent.id}" has ${MOST_ANCESTORS} tasks above it already, which is the most there may be`,
    );
  if (parent.children >= MOST_CHILDREN)
    throw wrong('parent', `"${parent.id}" has ${MOST_CHILDREN} parts already, which is the most there may be`);
  if (spec.project !== undefined && spec.project !== parent.project)
    throw wrong('project', `a part of "${parent.id}" has the same, ${parent.project ?? 'which is none'}; leave it out`);
  if (budgetNano !== null && parent.narrowest !== null && budgetNano > parent.narrowest)
    throw wrong('budgetUsd', `must not be more than the ${formatUsd(parent.narrowest)} that its parent may spend`);
}

export const isOver = (state: TaskState): boolean => ['completed', 'failed', 'cancelled'].includes(state);

const wrong = (field: string, problem: string): PurserError =>
  new PurserError('invalid_request', { message: `${field}: ${problem}`, details: { issues: [{ field, problem }] } });
