import type { TaskRow } from './task.row.js';
import type { Verdict } from './task-store.service.js';

/** A task as it was just stored, without reading it back. */
export function newTaskRow({ task, row, state }: Extract<Verdict, { kind: 'stored' }>): TaskRow {
  const { spec } = task;
  const at = (milliseconds: number | null) => (milliseconds === null ? null : new Date(milliseconds));
  const notBefore = at(task.notBefore);
  return {
    id: task.id,
    seq: row.seq,
    executor: spec.executor,
    input: spec.input,
    priority: spec.priority,
    depends_on: spec.dependsOn,
    labels: spec.labels,
    project: spec.project ?? null,
    limits: spec.limits,
    budget_nano: task.budgetNano,
    max_sessions: spec.maxSessions,
    retries: spec.retries,
    not_before: notBefore,
    deadline: at(task.deadline),
    parent_id: spec.parent ?? null,
    ancestors: [...task.ancestors],
    on_dependency_failure: spec.onDependencyFailure,
    paid_only: spec.paidOnly,
    more: task.more,
    state,
    epoch: 0,
    budget_ready: task.budgetReady,
    delayed_until: notBefore && notBefore > row.created_at ? notBefore : null,
    lingers: false,
    cancel_requested: false,
    pause_requested: null,
    paused_reason: null,
    progress: null,
    result: null,
    error: null,
    created_at: row.created_at,
    updated_at: row.created_at,
    finished_at: null,
  };
}
