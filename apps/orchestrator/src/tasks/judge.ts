import { isPurserError, PurserError } from '@purser/contracts';
import { asChild, checkChild, isOver } from './family.js';
import type { Reference } from './new-tasks.repository.js';
import type { NewTask } from './submission.js';

/** A task that may be stored, if its id is not taken. */
export interface Fit {
  task: NewTask;
  state: 'ready' | 'blocked';
  waitsFor: string[];
  /** What it waits for and will never be completed. */
  doomedBy: string[];
}

/** Or one that may not: what was stored once stays one task all the same, so whether it is there decides. */
export type Judged = Fit | { task: NewTask; error: PurserError };

/**
 * Whether tasks may be stored, each by itself. One may need another that stands before it.
 * @param references what they need of what is stored already
 * @param checkInput throws a PurserError for an input that nobody would take
 */
export function judge(
  tasks: readonly NewTask[],
  references: readonly Reference[],
  checkInput: (task: NewTask) => void,
): Judged[] {
  const known = new Map(references.map((one) => [one.id, { ...one }]));
  return tasks.map((given) => {
    const parent = given.spec.parent === undefined ? undefined : known.get(given.spec.parent);
    const task = parent ? asChild(given, parent) : given;
    const { dependsOn, onDependencyFailure } = task.spec;
    try {
      const missing = task.needs.filter((id) => !known.has(id));
      if (missing.length > 0) throw missingTasks(given, missing);
      if (parent) checkChild(given, parent);
      checkInput(task);
    } catch (error) {
      if (isPurserError(error)) return { task, error };
      throw error;
    }
    const waitsFor = [...new Set(dependsOn)].filter((id) => !isMet(known.get(id), onDependencyFailure));
    const state = waitsFor.length === 0 ? ('ready' as const) : ('blocked' as const);
    if (parent) parent.children += 1;
    if (!known.has(task.id)) known.set(task.id, referenceTo(task, state, parent));
    return { task, state, waitsFor, doomedBy: waitsFor.filter((id) => isOver(known.get(id)?.state ?? 'blocked')) };
  });
}

const isMet = (dependency: Reference | undefined, onFailure: NewTask['spec']['onDependencyFailure']): boolean =>
  dependency?.state === 'completed' || (onFailure === 'ignore' && dependency !== undefined && isOver(dependency.state));

const referenceTo = (
  { id, spec, ancestors, budgetNano, budgetReady }: NewTask,
  state: Fit['state'],
  parent?: Reference,
) => ({
  id,
  state,
  cancel_requested: false,
  ancestors: [...ancestors],
  children: 0,
  priority: spec.priority,
  project: spec.project ?? null,
  narrowest: budgetNano ?? parent?.narrowest ?? null,
  budgets_ready: budgetReady,
});

function missingTasks({ spec }: NewTask, missing: string[]): PurserError {
  const field = missing.every((id) => id === spec.parent) ? 'parent' : 'dependsOn';
  const names = [...new Set(missing)].map((id) => `"${id}"`).join(', ');
  return new PurserError('invalid_request', {
    message: `${field}: there is no task ${names}; a task must exist, or be taken with the same batch, before another one names it`,
    details: { issues: [{ field, problem: `there is no task ${names}` }], missing },
  });
}

export const namesMissingTask = (error: PurserError): boolean => 'missing' in error.details;
