import { type Budget, PurserError } from '@purser/contracts';
import type { BudgetRow } from './budget-row.js';

/** The orchestrator names the budget of a task so. */
const TASK_PREFIX = 'task-';

/**
 * Two budgets under one id would silently replace each other: a task called `monthly` with a budget, and a person's
 * `task-monthly`. So the prefix belongs to tasks, and a budget stays with the task, or the lack of one, that it has.
 */
export function checkTaskScope({ id, scope }: Budget, before: BudgetRow | undefined): void {
  if (id.startsWith(TASK_PREFIX) && scope.task === undefined) {
    throw new PurserError('invalid_request', {
      message: `id: "${id}": ids that begin with "${TASK_PREFIX}" are for the budgets of single tasks; choose another id, or give scope.task`,
      details: { id },
    });
  }
  if (before && before.scope_task !== (scope.task ?? null)) {
    const [is, wanted] = [before.scope_task, scope.task ?? null].map((task) =>
      task === null ? 'not for a single task' : `for the task "${task}"`,
    );
    throw new PurserError('conflict', {
      message: `there is a budget "${id}" that is ${is}, and this one is ${wanted}; choose another id, or delete that one first`,
      details: { id },
    });
  }
}
