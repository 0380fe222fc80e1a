import { type Budget, PurserError, TASK_BUDGET_PREFIX, taskBudgetId } from '@purser/contracts';
import type { BudgetRow } from './budget-row.js';

/**
 * Two budgets under one id would silently replace each other: a task called `monthly` with a budget, and a person's
 * `task-monthly`. So the prefix belongs to tasks, each id to one of them, and a budget stays with the task, or the lack of
 * one, that it has.
 */
export function checkTaskScope({ id, scope }: Budget, before: BudgetRow | undefined): void {
  if (id.startsWith(TASK_BUDGET_PREFIX) && (scope.task === undefined || taskBudgetId(scope.task) !== id)) {
    const but =
      scope.task === undefined ? '' : `, and that of the task "${scope.task}" is "${taskBudgetId(scope.task)}"`;
    throw new PurserError('invalid_request', {
      message: `id: "${id}": ids that begin with "${TASK_BUDGET_PREFIX}" are for the budgets that tasks have of their own${but}; choose another id`,
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

/** A task's calls are all as important as the task: a reserve would keep its part from all of them, or from none. */
export function checkReserve({ scope, reserve }: Budget, field = 'reserve'): void {
  if (!reserve || scope.task === undefined) return;
  const problem =
    'a budget for one task has no calls of different priorities; set the reserve on one that several share';
  throw new PurserError('invalid_request', {
    message: `${field}: ${problem}`,
    details: { issues: [{ field, problem }] },
  });
}

/** The limit that a task was submitted with holds for as long as it can spend. */
export function checkMayBeRemoved({ id, scope_task: task }: BudgetRow): void {
  if (task === null || id !== taskBudgetId(task)) return;
  throw new PurserError('conflict', {
    message: `"${id}" is the limit that the task "${task}" was given (budgetUsd): it is removed by itself an hour after the task has ended. To let the task spend more, raise it: purser budget set ${id} --limit <usd>. To stop the task: purser task cancel ${task}`,
    details: { id, task },
  });
}

/** The file's budgets are there before any task, and stay after it: no id of theirs may be a task's. */
export function checkFileId(id: string, path: string, index: number): void {
  if (!id.startsWith(TASK_BUDGET_PREFIX)) return;
  throw new PurserError('invalid_request', {
    message: `${path}: budgets.${index}.id: "${id}" would be taken for the budget of the task "${id.slice(TASK_BUDGET_PREFIX.length)}"; choose an id that does not begin with "${TASK_BUDGET_PREFIX}" (a budget for one task has scope.task, under any other id)`,
    details: { issues: [{ field: `budgets.${index}.id`, problem: `must not begin with "${TASK_BUDGET_PREFIX}"` }] },
  });
}
