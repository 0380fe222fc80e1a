import type { Grade, ModelUse, RecordLine, TaskRecord } from '@purser/contracts';
import { formatUsd } from '@purser/money';

/** What Postgres knows of what a task took; the ledger has the rest. */
export interface SpanRow {
  task_id: string;
  executor: string;
  labels: string[];
  project: string | null;
  state: string;
  created_at: Date;
  finished_at: Date | null;
  now: Date;
  first_start_ms: bigint | null;
  worked_ms: bigint;
  sessions: bigint;
  runners: string[] | null;
  grade: number | null;
  grade_why: string | null;
  grade_by: string | null;
}

/** A record as it is kept. */
export interface RecordRow extends Omit<SpanRow, 'state' | 'finished_at' | 'now' | 'sessions' | 'runners'> {
  seq: bigint;
  outcome: RecordLine['outcome'];
  finished_at: Date;
  sessions: number;
  runners: string[];
  requests: bigint;
  input_tokens: bigint;
  output_tokens: bigint;
  usd_nano: bigint;
  models: ModelUse[];
}

/** By the ledger. */
export interface Spent {
  requests: number;
  inputTokens: number;
  outputTokens: number;
  usd: string;
  models: ModelUse[];
}

const OUTCOMES: readonly string[] = ['completed', 'failed', 'cancelled'] satisfies RecordLine['outcome'][];
const isOutcome = (state: string): state is RecordLine['outcome'] => OUTCOMES.includes(state);

const gradeOf = ({ grade, grade_why: why, grade_by: by }: Pick<SpanRow, 'grade' | 'grade_why' | 'grade_by'>) =>
  by === null ? null : ({ grade, why, by } satisfies Grade);

const times = (createdAt: Date, until: Date, workedMs: number) => {
  const totalMs = Math.max(0, until.getTime() - createdAt.getTime());
  return { workedMs, totalMs, waitedMs: Math.max(0, totalMs - workedMs) };
};

/** Of a task that has no record yet. */
export function provisional(row: SpanRow, spent: Spent): TaskRecord {
  return {
    taskId: row.task_id,
    executor: row.executor,
    labels: row.labels,
    project: row.project,
    outcome: isOutcome(row.state) ? row.state : null,
    createdAt: row.created_at.toISOString(),
    finishedAt: row.finished_at?.toISOString() ?? null,
    firstStartMs: row.first_start_ms === null ? null : Number(row.first_start_ms),
    ...times(row.created_at, row.finished_at ?? row.now, Number(row.worked_ms)),
    sessions: Number(row.sessions),
    runners: row.runners ?? [],
    ...spent,
    grade: gradeOf(row),
    final: false,
  };
}

export function recordOf(row: RecordRow): TaskRecord {
  return {
    taskId: row.task_id,
    executor: row.executor,
    labels: row.labels,
    project: row.project,
    outcome: row.outcome,
    createdAt: row.created_at.toISOString(),
    finishedAt: row.finished_at.toISOString(),
    firstStartMs: row.first_start_ms === null ? null : Number(row.first_start_ms),
    ...times(row.created_at, row.finished_at, Number(row.worked_ms)),
    sessions: row.sessions,
    runners: row.runners,
    requests: Number(row.requests),
    inputTokens: Number(row.input_tokens),
    outputTokens: Number(row.output_tokens),
    usd: formatUsd(row.usd_nano),
    models: row.models,
    grade: gradeOf(row),
    final: true,
  };
}

const NO_MODEL: ModelUse = {
  provider: '',
  model: '',
  requests: 0,
  inputTokens: 0,
  outputTokens: 0,
  usd: '0.00',
  latencyMs: 0,
};

/** A line for each model, and one for a task that called none. */
export function linesOf(row: RecordRow, model: string | undefined): RecordLine[] {
  const { taskId, executor, labels, project, sessions, firstStartMs, workedMs, totalMs, usd } = recordOf(row);
  const models = row.models.length === 0 ? [NO_MODEL] : row.models;
  return models
    .filter((use) => model === undefined || use.model === model)
    .map((use) => ({
      taskId,
      executor,
      labels,
      project,
      outcome: row.outcome,
      finishedAt: row.finished_at.toISOString(),
      ...use,
      taskUsd: usd,
      sessions,
      firstStartMs,
      workedMs,
      totalMs,
      grade: row.grade,
    }));
}
