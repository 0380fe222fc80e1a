import type { SessionOutcome, SessionSummary, Task, TaskSpec, TaskState, TaskSummary, Usage } from '@purser/contracts';
import { formatUsd } from '@purser/money';

/** What a submitter said that no statement looks at by itself. */
export type MoreOfTask = Pick<TaskSpec, 'retryBackoff' | 'estimates' | 'workspace' | 'grader'> &
  Partial<Pick<TaskSpec, 'complexity'>> & {
    /** The task that it is a retry of, and those whose checkpoint it goes on from. */
    retryOf?: string;
    continues?: string[];
  };

/** What every reading of a task needs; input and result, which may be large, are read only where they are shown. */
export interface TaskSummaryRow {
  id: string;
  seq: bigint;
  executor: string;
  priority: number;
  depends_on: string[];
  labels: string[];
  project: string | null;
  limits: TaskSpec['limits'];
  budget_nano: bigint | null;
  max_sessions: number;
  retries: number;
  not_before: Date | null;
  deadline: Date | null;
  parent_id: string | null;
  ancestors: string[];
  on_dependency_failure: TaskSpec['onDependencyFailure'];
  paid_only: boolean;
  more: MoreOfTask;
  state: TaskState;
  epoch: number;
  budget_ready: boolean;
  /** Set while it is not to be handed out yet. */
  delayed_until: Date | null;
  /** For longer than a runner that is free takes to ask for work. */
  lingers: boolean;
  cancel_requested: boolean;
  pause_requested: string | null;
  paused_reason: string | null;
  progress: Task['progress'];
  error: Task['error'];
  created_at: Date;
  updated_at: Date;
  finished_at: Date | null;
}

export interface TaskRow extends TaskSummaryRow {
  input: TaskSpec['input'];
  result: unknown;
}

export type ChildRow = Pick<TaskRow, 'id' | 'state'>;

export interface SessionRow {
  id: string;
  epoch: number;
  runner: string;
  started_at: Date;
  ended_at: Date | null;
  outcome: SessionOutcome | null;
  reason: string | null;
}

export const SUMMARY_COLUMNS = `
  id, seq, executor, priority, depends_on, labels, project, limits, budget_nano, max_sessions, retries, not_before,
  deadline, parent_id, ancestors, on_dependency_failure, paid_only, more, state, epoch, budget_ready, CASE WHEN available_at > now() THEN available_at END AS delayed_until,
  updated_at < now() - interval '5 seconds' AS lingers, cancel_requested, pause_requested, paused_reason, progress, error,
  created_at, updated_at, finished_at`;

const instant = (date: Date | null): string | null => date?.toISOString() ?? null;

export interface Seen {
  /** Null when the ledger cannot be reached. */
  usage: Usage | null;
  waiting: string | null;
}

export function summaryOf(row: TaskSummaryRow, { usage, waiting }: Seen): TaskSummary {
  return {
    id: row.id,
    executor: row.executor,
    priority: row.priority,
    dependsOn: row.depends_on,
    labels: row.labels,
    project: row.project,
    limits: row.limits,
    budgetUsd: row.budget_nano === null ? null : formatUsd(row.budget_nano),
    maxSessions: row.max_sessions,
    retries: row.retries,
    notBefore: instant(row.not_before),
    deadline: instant(row.deadline),
    onDependencyFailure: row.on_dependency_failure,
    parent: row.parent_id,
    retryOf: row.more.retryOf ?? null,
    paidOnly: row.paid_only,
    retryBackoff: row.more.retryBackoff ?? null,
    estimates: row.more.estimates ?? null,
    complexity: row.more.complexity ?? 'standard',
    workspace: row.more.workspace ?? null,
    grader: row.more.grader ?? null,
    state: row.state,
    epoch: row.epoch,
    spentUsd: usage?.usd ?? null,
    usage,
    progress: row.progress,
    error: row.error,
    waiting,
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
    finishedAt: instant(row.finished_at),
  };
}

export function taskOf(
  row: TaskRow,
  { sessions, children }: { sessions: SessionRow[]; children: ChildRow[] },
  seen: Seen,
  usageOf: (sessionId: string) => Usage | null,
): Task {
  return {
    ...summaryOf(row, seen),
    input: row.input,
    result: row.result ?? null,
    children,
    artifacts: null,
    sessions: sessions.map((session) => sessionOf(session, usageOf(session.id))),
  };
}

const sessionOf = (row: SessionRow, usage: Usage | null): SessionSummary => ({
  id: row.id,
  epoch: row.epoch,
  runner: row.runner,
  startedAt: row.started_at.toISOString(),
  endedAt: instant(row.ended_at),
  outcome: row.outcome,
  reason: row.reason,
  usage,
});
