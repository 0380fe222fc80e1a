import { Injectable } from '@nestjs/common';
import type { Assignment, CheckpointMark, Progress, TaskState } from '@purser/contracts';
import { Database, type Sql } from '@purser/database';
import type { MoreOfTask } from '../tasks/task.row.js';
import type { Standing, Step } from './lifecycle.js';

/** What one claim may carry: it must fit into one message of 8 MiB. A single input always does. */
const MAX_CLAIM_BYTES = 5 * 1024 * 1024;

interface AssignmentRow {
  id: string;
  session_id: string;
  epoch: number;
  executor: string;
  input: Assignment['input'];
  limits: Assignment['limits'];
  priority: number;
  project: string | null;
  labels: string[];
  deadline: Date | null;
  parent_id: string | null;
  paid_only: boolean;
  more: MoreOfTask;
  created_at: Date;
}

export interface HeldSession extends Standing {
  taskId: string;
  sessionId: string;
  epoch: number;
  runner: string;
}

interface HeldRow {
  id: string;
  session_id: string;
  epoch: number;
  runner: string;
  sessions_used: number;
  max_sessions: number;
  failures: number;
  retries: number;
  lost_in_a_row: number;
  unchanged_in_a_row: number;
  start_digest: string | null;
  checkpoint_digest: string | null;
  cancel_requested: boolean;
  pause_requested: string | null;
  overdue: boolean;
}

export interface HeardSession {
  taskId: string;
  epoch: number;
  progress?: Progress | undefined;
  checkpoint?: CheckpointMark | undefined;
}

export interface Extended {
  taskId: string;
  epoch: number;
  mustEnd: boolean;
  mustPause: boolean;
  tellProgress: Progress | null;
  newCheckpoint: boolean;
}

export interface ClaimRequest {
  requestId: string;
  runner: string;
  slots: number;
  executors: string[];
  leaseMs: number;
}

/** What a look at the tasks finds. */
export interface Sight {
  now: Date;
  /** Until the first lease ends; negative when one has, null when nothing runs. */
  nextLapseMs: number | null;
  /** A deadline passed before the task could start. */
  overdue: boolean;
  /** A task waits for the watchdog to take its budget. */
  withoutBudget: boolean;
}

const ASSIGNMENT =
  't.id, t.session_id, t.epoch, t.executor, t.input, t.limits, t.priority, t.project, t.labels, t.deadline, t.parent_id, t.paid_only, t.more, t.created_at';
const HELD = `id, session_id, epoch, runner, sessions_used, max_sessions, failures, retries, lost_in_a_row,
  unchanged_in_a_row, start_digest, checkpoint_digest, cancel_requested, pause_requested,
  coalesce(deadline <= clock_timestamp(), false) AS overdue`;
const leaseFor = (parameter: string) => `clock_timestamp() + ${parameter}::integer * interval '1 millisecond'`;

/** Every statement that extends or ends a session carries its epoch. */
@Injectable()
export class WorkRepository {
  constructor(private readonly database: Database) {}

  /**
   * False when a claim would surely be answered with nothing: a poll that finds no work costs this one statement. One
   * snapshot: of a copy of the request that is being served meanwhile it sees the sessions, or the tasks still ready.
   */
  async mayGive({ requestId, executors }: ClaimRequest): Promise<boolean> {
    const [row] = await this.database.query<{ found: boolean }>(
      `SELECT EXISTS (SELECT 1 FROM tasks WHERE state = 'ready' AND executor = ANY($1::text[]))
         OR EXISTS (SELECT 1 FROM sessions WHERE claim_request_id = $2) AS found`,
      [executors, requestId],
    );
    return row?.found !== false;
  }

  /** The sessions that this very request was given before and that are still open, with a fresh lease; undefined when it is new. */
  async claimedBefore(tx: Sql, { requestId, runner, leaseMs }: ClaimRequest): Promise<Assignment[] | undefined> {
    // Two deliveries of one request, to two orchestrators at once, must not both be taken for new. The second one waits
    // here until the first one's transaction is over, though that removes its row at once.
    await tx.query('INSERT INTO claims_under_way VALUES ($1)', [requestId]);
    const known = await tx.query(
      `WITH gone AS (DELETE FROM claims_under_way WHERE request_id = $1)
       SELECT 1 FROM sessions WHERE claim_request_id = $1 AND runner = $2 LIMIT 1`,
      [requestId, runner],
    );
    if (known.length === 0) return undefined;
    const rows = await tx.query<AssignmentRow>(
      `UPDATE tasks t SET lease_until = ${leaseFor('$3')}, updated_at = now() FROM sessions s
       WHERE s.claim_request_id = $1 AND s.runner = $2 AND s.ended_at IS NULL AND t.id = s.task_id AND t.epoch = s.epoch
         AND t.state = 'running'
       RETURNING ${ASSIGNMENT}`,
      [requestId, runner, leaseMs],
    );
    return rows.map(assignmentOf);
  }

  /**
   * Hands out the next tasks, in order of priority, then age. SKIP LOCKED: two claims at once get different tasks and do
   * not wait for each other. The running sum of the inputs keeps the answer within one message.
   */
  async claim(tx: Sql, { requestId, runner, slots, executors, leaseMs }: ClaimRequest): Promise<Assignment[]> {
    const rows = await tx.query<AssignmentRow>(
      `WITH next AS (
         SELECT id, input_bytes, priority, seq FROM tasks
         WHERE state = 'ready' AND executor = ANY($1::text[]) AND budget_ready AND available_at <= clock_timestamp()
           AND (deadline IS NULL OR deadline > clock_timestamp())
         ORDER BY priority DESC, seq LIMIT $2 FOR UPDATE SKIP LOCKED
       ), fitting AS (
         SELECT id FROM (
           SELECT id, row_number() OVER w AS position, sum(input_bytes) OVER w AS bytes FROM next
           WINDOW w AS (ORDER BY priority DESC, seq)
         ) AS counted WHERE position = 1 OR bytes <= ${MAX_CLAIM_BYTES}
       ), t AS (
         UPDATE tasks SET state = 'running', epoch = tasks.epoch + 1, session_id = gen_random_uuid()::text, runner = $3,
           lease_until = ${leaseFor('$5')}, start_digest = checkpoint_digest, updated_at = now()
         FROM fitting WHERE tasks.id = fitting.id
         RETURNING tasks.*
       ), opened AS (
         INSERT INTO sessions (id, task_id, epoch, runner, claim_request_id)
         SELECT session_id, id, epoch, runner, $4 FROM t
       )
       SELECT ${ASSIGNMENT} FROM t ORDER BY t.priority DESC, t.seq`,
      [executors, slots, runner, requestId, leaseMs],
    );
    return rows.map(assignmentOf);
  }

  /**
   * Extends the leases of what this runner still owns; what is not returned it owns no more. A checkpoint with another
   * digest ends a row of lost sessions; progress is told at most once a second, and later when it came too soon.
   */
  heartbeat(tx: Sql, runner: string, sessions: HeardSession[], leaseMs: number): Promise<Extended[]> {
    return tx.query(
      `WITH heard AS (
         SELECT * FROM unnest($2::text[], $3::integer[], $4::text[], $5::integer[], $6::text[])
           AS h (id, epoch, progress, number, digest)
       ), held AS (
         SELECT t.id, h.progress, h.number, h.digest,
           h.number IS NOT NULL
             AND (t.checkpoint_epoch, t.checkpoint_number) IS DISTINCT FROM (h.epoch, h.number) AS new_checkpoint,
           NOT t.progress_told
             OR h.progress IS NOT NULL AND h.progress IS DISTINCT FROM t.progress::text AS untold,
           t.progress_told_at < clock_timestamp() - interval '1 second' AS may_tell
         FROM tasks t JOIN heard h ON t.id = h.id AND t.epoch = h.epoch
         WHERE t.state = 'running' AND t.runner = $1
         ORDER BY t.id FOR UPDATE OF t
       )
       UPDATE tasks t SET
         lease_until = ${leaseFor('$7')}, updated_at = now(),
         progress = coalesce(held.progress::json, t.progress),
         progress_told = NOT held.untold OR held.may_tell,
         progress_told_at = CASE WHEN held.untold AND held.may_tell THEN clock_timestamp() ELSE t.progress_told_at END,
         checkpoint_epoch = CASE WHEN held.new_checkpoint THEN t.epoch ELSE t.checkpoint_epoch END,
         checkpoint_number = coalesce(held.number, t.checkpoint_number),
         checkpoint_digest = coalesce(held.digest, t.checkpoint_digest),
         lost_in_a_row = CASE WHEN held.digest IS NOT NULL AND held.digest IS DISTINCT FROM t.checkpoint_digest
           THEN 0 ELSE t.lost_in_a_row END
       FROM held WHERE t.id = held.id
       RETURNING t.id AS "taskId", t.epoch,
         t.cancel_requested OR coalesce(t.deadline <= clock_timestamp(), false) AS "mustEnd",
         t.pause_requested IS NOT NULL AS "mustPause",
         CASE WHEN held.untold AND held.may_tell THEN t.progress END AS "tellProgress",
         held.new_checkpoint AS "newCheckpoint"`,
      [
        runner,
        sessions.map(({ taskId }) => taskId),
        sessions.map(({ epoch }) => epoch),
        sessions.map(({ progress }) => (progress === undefined ? null : JSON.stringify(progress))),
        sessions.map(({ checkpoint }) => checkpoint?.number ?? null),
        sessions.map(({ checkpoint }) => checkpoint?.digest ?? null),
        leaseMs,
      ],
    );
  }

  /** The answer that this finish got before. */
  async finishedBefore(
    tx: Sql,
    requestId: string,
  ): Promise<{ task_id: string; epoch: number; state_after: TaskState } | undefined> {
    const [row] = await tx.query<{ task_id: string; epoch: number; state_after: TaskState }>(
      'SELECT task_id, epoch, state_after FROM sessions WHERE finish_request_id = $1',
      [requestId],
    );
    return row;
  }

  /** The open session, locked; undefined when a newer one owns the task, or none. */
  async hold(tx: Sql, taskId: string, epoch: number, runner: string): Promise<HeldSession | undefined> {
    const [row] = await tx.query<HeldRow>(
      `SELECT ${HELD} FROM tasks WHERE id = $1 AND epoch = $2 AND runner = $3 AND state = 'running' FOR UPDATE`,
      [taskId, epoch, runner],
    );
    return row && heldOf(row);
  }

  /** Sessions whose runner did not renew. Locked; those that another orchestrator looks after at this moment are left to it. */
  async holdLapsed(tx: Sql, limit: number): Promise<HeldSession[]> {
    const rows = await tx.query<HeldRow>(
      `SELECT ${HELD} FROM tasks WHERE state = 'running' AND lease_until < clock_timestamp()
       ORDER BY seq LIMIT $1 FOR UPDATE SKIP LOCKED`,
      [limit],
    );
    return rows.map(heldOf);
  }

  /** Ends the session and moves the task on, in one statement. */
  async end(
    tx: Sql,
    held: HeldSession,
    step: Step,
    by: { requestId?: string; checkpoint?: CheckpointMark | undefined; progress?: Progress | undefined },
  ): Promise<void> {
    const { next } = step;
    const rows = await tx.query(
      `WITH ended AS (
         UPDATE sessions SET outcome = $3, reason = $4, state_after = $5, finish_request_id = $6, ended_at = now()
         WHERE task_id = $1 AND epoch = $2 AND ended_at IS NULL
       )
       UPDATE tasks SET state = $5, session_id = NULL, runner = NULL, lease_until = NULL, cancel_requested = false,
         pause_requested = NULL, paused_reason = $17, result = $7::json, error = $8::json,
         available_at = clock_timestamp() + $9::double precision * interval '1 millisecond',
         sessions_used = $10, failures = $11, lost_in_a_row = $12, unchanged_in_a_row = $13,
         checkpoint_epoch = CASE WHEN $14::integer IS NULL THEN checkpoint_epoch ELSE epoch END,
         checkpoint_number = coalesce($14::integer, checkpoint_number),
         checkpoint_digest = coalesce($15::text, checkpoint_digest),
         progress = coalesce($16::json, progress), progress_told = true,
         finished_at = CASE WHEN $5::text IN ('completed', 'failed', 'cancelled') THEN now() END, updated_at = now()
       WHERE id = $1 AND epoch = $2 AND state = 'running' RETURNING id`,
      [
        held.taskId,
        held.epoch,
        step.sessionOutcome,
        step.reason,
        next.state,
        by.requestId ?? null,
        next.state === 'completed' ? JSON.stringify(next.result ?? null) : null,
        next.state === 'failed' ? JSON.stringify(next.error) : null,
        next.state === 'ready' ? next.afterMs : 0,
        step.sessionsUsed,
        step.failures,
        step.lostInARow,
        step.unchangedInARow,
        by.checkpoint?.number ?? null,
        by.checkpoint?.digest ?? null,
        by.progress === undefined ? null : JSON.stringify(by.progress),
        next.state === 'paused' ? next.reason : null,
      ],
    );
    if (rows.length !== 1) throw new Error(`task ${held.taskId} changed although it was locked`);
  }

  /** The clock that leases are measured by, and what there is to look after, in one round trip. */
  async look(): Promise<Sight> {
    const [row] = await this.database.query<Sight>(
      `SELECT clock_timestamp() AS now,
         (SELECT (extract(epoch FROM min(lease_until) - clock_timestamp()) * 1000)::double precision
            FROM tasks WHERE state = 'running') AS "nextLapseMs",
         EXISTS (SELECT 1 FROM tasks WHERE deadline <= now() AND state IN ('blocked', 'ready', 'paused')) AS overdue,
         EXISTS (SELECT 1 FROM tasks WHERE NOT budget_ready AND finished_at IS NULL) AS "withoutBudget"`,
    );
    if (!row) throw new Error('the database did not tell the time');
    return row;
  }
}

const assignmentOf = (row: AssignmentRow): Assignment => ({
  taskId: row.id,
  sessionId: row.session_id,
  epoch: row.epoch,
  executor: row.executor,
  input: row.input,
  limits: row.limits,
  priority: row.priority,
  project: row.project,
  labels: row.labels,
  deadline: row.deadline?.toISOString() ?? null,
  parent: row.parent_id,
  continues: row.more.continues ?? [],
  paidOnly: row.paid_only,
  complexity: row.more.complexity ?? 'standard',
  workspace: row.more.workspace ?? null,
  grader: row.more.grader ?? null,
  createdAt: row.created_at.toISOString(),
});

const heldOf = (row: HeldRow): HeldSession => ({
  taskId: row.id,
  sessionId: row.session_id,
  epoch: row.epoch,
  runner: row.runner,
  sessionsUsed: row.sessions_used,
  maxSessions: row.max_sessions,
  failures: row.failures,
  retries: row.retries,
  lostInARow: row.lost_in_a_row,
  unchangedInARow: row.unchanged_in_a_row,
  startDigest: row.start_digest,
  lastDigest: row.checkpoint_digest,
  cancelRequested: row.cancel_requested,
  pauseRequested: row.pause_requested,
  overdue: row.overdue,
});
