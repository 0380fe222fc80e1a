import { createHash } from 'node:crypto';

/** Ids that begin so are those of the budgets that tasks have of their own (`budgetUsd`). */
export const TASK_BUDGET_PREFIX = 'task-';

const MAX_ID = 64;

/** The id of the budget that limits one task; ids that would be too long are cut and told apart by a digest. */
export function taskBudgetId(taskId: string): string {
  const plain = `${TASK_BUDGET_PREFIX}${taskId}`;
  if (plain.length <= MAX_ID) return plain;
  const digest = createHash('sha256').update(taskId).digest('hex').slice(0, 24);
  return `${plain.slice(0, MAX_ID - digest.length - 1)}-${digest}`;
}
