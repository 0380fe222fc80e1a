import { Injectable } from '@nestjs/common';
import type { CheckpointMark, Progress, TaskState } from '@purser/contracts';
import { Database, type OutboxEntry, type Sql, tellTogether } from '@purser/database';
import { leaseFor } from './lease.sql.js';
import type { MoreOfTask } from '../tasks/task.row.js';
import type { Standing, Step } from './lifecycle.js';

export interface HeldSession extends Standing {
  /** Of its task, where that is not locked: any change gives it another. */
  version?: string | undefined;
  taskId: string;
  sessionId: string;
  epoch: number;
  runner: string;
}

interface HeldRow {
  version?: string;
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
  more: MoreOfTask;
}

/** What its runner said at the end of a session. */
export interface LastWords {
  requestId?: string;
  checkpoint?: CheckpointMark | undefined;
  progress?: Progress | undefined;
}

export interface SessionOfRunner {
  taskId: string;
  epoch: number;
  runner: string;
}

export interface EndedTask {
  id: string;
  /** Others wait for it. */
  needed: boolean;
}

export interface SessionEnd {
  held: HeldSession;
  step: Step;
  by: LastWords;
  told: OutboxEntry | undefined;
}

export interface AnsweredFinish {
  requestId: string;
  taskId: string;
  epoch: number;
  stateAfter: TaskState;
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

/** What a look at the tasks finds. */
export interface Sight {
  now: Date;
  /** Until the first lease ends; negative when one has, null when nothing runs. */
  nextLapseMs: number | null;
  /** Until the first task that waits for its time may start; negative when one may, null when none waits. */
  nextReadyMs: number | null;
  /** A task could be handed out, unless a limit holds it. */
  anyReady: boolean;
  /** A task waits for others. */
  anyBlocked: boolean;
  /** A task whose label has a limit waits. */
  anyLimited: boolean;
  /** A deadline passed before the task could start. */
  overdue: boolean;
  /** A task waits for the watchdog to take its budget. */
  withoutBudget: boolean;
  /** Any task waits for anything, or runs. */
  anyOpen: boolean;
}

/**
 * As an expression, so that no index offers it: sessions are found by their tasks' ids. Planned while few tasks run, or
 * none, the index of those that run looks cheapest, and then holds each one that ran since it was last cleaned as well.
 */
const runs = (table: string): string => `${table}.state || '' = 'running'`;

/**
 * A retry waits aside: a claim would only pass it over. What a row of `over` says goes along through RETURNING: to join it
 * again would compare every session with every other one. That a session is open is asked by its outcome for the reason of `runs`.
 */
const END = `
  WITH over AS MATERIALIZED (
    SELECT * FROM unnest($1::text[], $2::integer[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
      $9::double precision[], $10::integer[], $11::integer[], $12::integer[], $13::integer[], $14::integer[], $15::text[],
      $16::text[], $17::text[], $18::text[], $19::text[])
      AS o (id, epoch, outcome, reason, state, request_id, result, error, after_ms, sessions_used, failures, lost_in_a_row,
        unchanged_in_a_row, number, digest, progress, version, paused_reason, event)
    ORDER BY id
  ), done AS (
  UPDATE tasks t SET state = over.state, session_id = NULL, runner = NULL, lease_until = NULL, cancel_requested = false,
    pause_requested = NULL, paused_reason = over.paused_reason, result = over.result::json, error = over.error::json,
    available_at = clock_timestamp() + over.after_ms * interval '1 millisecond',
    lane = CASE WHEN over.after_ms > 0 THEN '@later' ELSE '' END,
    sessions_used = over.sessions_used, failures = over.failures, lost_in_a_row = over.lost_in_a_row,
    unchanged_in_a_row = over.unchanged_in_a_row,
    checkpoint_epoch = CASE WHEN over.number IS NULL THEN t.checkpoint_epoch ELSE t.epoch END,
    checkpoint_number = coalesce(over.number, t.checkpoint_number),
    checkpoint_digest = coalesce(over.digest, t.checkpoint_digest),
    progress = coalesce(over.progress::json, t.progress), progress_told = true,
    finished_at = CASE WHEN over.state IN ('completed', 'failed', 'cancelled') THEN now() END, updated_at = now()
  FROM over WHERE t.id = over.id AND t.epoch = over.epoch AND ${runs('t')}
    AND (over.version IS NULL OR t.xmin::text = over.version)
  RETURNING over.*
  ), ended AS (
    UPDATE sessions s SET outcome = done.outcome, reason = done.reason, state_after = done.state,
      finish_request_id = done.request_id, ended_at = now()
    FROM done WHERE s.task_id = done.id AND s.epoch = done.epoch AND s.outcome IS NULL
  ), told AS (${tellTogether('done', 'id')}
  )
  SELECT id, EXISTS (SELECT 1 FROM task_dependencies d WHERE d.depends_on = id) AS needed FROM done`;
const HELD = `id, session_id, epoch, runner, sessions_used, max_sessions, failures, retries, lost_in_a_row,
  unchanged_in_a_row, start_digest, checkpoint_digest, cancel_requested, pause_requested, more,
  coalesce(deadline <= clock_timestamp(), false) AS overdue`;

const OF_RUNNERS = `
  JOIN unnest($1::text[], $2::integer[], $3::text[]) AS asked (task, of_epoch, by) ON id = task AND epoch = of_epoch AND runner = by
  WHERE ${runs('tasks')}`;
const ofRunners = (sessions: SessionOfRunner[]): unknown[] => [
  sessions.map(({ taskId }) => taskId),
  sessions.map(({ epoch }) => epoch),
  sessions.map(({ runner }) => runner),
];

/** Every statement that extends or ends a session carries its epoch. */
@Injectable()
export class WorkRepository {
  constructor(private readonly database: Database) {}

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
         WHERE ${runs('t')} AND t.runner = $1
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
      'sessions renewed',
    );
  }

  /** The answers that these finishes got before. */
  finishedBefore(tx: Sql, requestIds: string[]): Promise<AnsweredFinish[]> {
    return tx.query(
      `SELECT finish_request_id AS "requestId", task_id AS "taskId", epoch, state_after AS "stateAfter"
       FROM sessions WHERE finish_request_id = ANY($1::text[])`,
      [requestIds],
      'sessions finished before',
    );
  }

  /** The open sessions among these as they are now; a newer one owns what is left out, or none. */
  async read(sessions: SessionOfRunner[]): Promise<HeldSession[]> {
    const rows = await this.database.query<HeldRow>(
      `SELECT ${HELD}, tasks.xmin::text AS version FROM tasks ${OF_RUNNERS}`,
      ofRunners(sessions),
      'sessions read',
    );
    return rows.map(heldOf);
  }

  /** The same, locked. In id order: see `heartbeat`. */
  async hold(tx: Sql, sessions: SessionOfRunner[]): Promise<HeldSession[]> {
    const rows = await tx.query<HeldRow>(
      `SELECT ${HELD} FROM tasks ${OF_RUNNERS} ORDER BY id FOR UPDATE OF tasks`,
      ofRunners(sessions),
      'sessions held',
    );
    return rows.map(heldOf);
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

  /**
   * Ends sessions, moves their tasks on and tells it, in one statement. Left out is what is not as it was read, by its
   * version; what was locked always is.
   */
  end(sql: Sql, ends: SessionEnd[]): Promise<EndedTask[]> {
    const column = <T>(value: (end: SessionEnd) => T): T[] => ends.map(value);
    return sql.query(
      END,
      [
        column(({ held }) => held.taskId),
        column(({ held }) => held.epoch),
        column(({ step }) => step.sessionOutcome),
        column(({ step }) => step.reason),
        column(({ step }) => step.next.state),
        column(({ by }) => by.requestId ?? null),
        column(({ step: { next } }) => (next.state === 'completed' ? JSON.stringify(next.result ?? null) : null)),
        column(({ step: { next } }) => (next.state === 'failed' ? JSON.stringify(next.error) : null)),
        column(({ step: { next } }) => (next.state === 'ready' ? next.afterMs : 0)),
        column(({ step }) => step.sessionsUsed),
        column(({ step }) => step.failures),
        column(({ step }) => step.lostInARow),
        column(({ step }) => step.unchangedInARow),
        column(({ by }) => by.checkpoint?.number ?? null),
        column(({ by }) => by.checkpoint?.digest ?? null),
        column(({ by }) => (by.progress === undefined ? null : JSON.stringify(by.progress))),
        column(({ held }) => held.version ?? null),
        column(({ step: { next } }) => (next.state === 'paused' ? next.reason : null)),
        column(({ told }) => told?.event ?? null),
      ],
      'sessions end',
    );
  }

  /** The clock that leases are measured by, and what there is to look after, in one round trip. */
  async look(): Promise<Sight> {
    const [row] = await this.database.query<Sight>(
      `SELECT clock_timestamp() AS now,
         (SELECT (extract(epoch FROM min(lease_until) - clock_timestamp()) * 1000)::double precision
            FROM tasks WHERE state = 'running') AS "nextLapseMs",
         (SELECT (extract(epoch FROM min(greatest(available_at, 'epoch')) - clock_timestamp()) * 1000)::double precision
            FROM tasks WHERE state = 'ready' AND lane = '@later') AS "nextReadyMs",
         EXISTS (SELECT 1 FROM tasks WHERE deadline <= now() AND state IN ('blocked', 'ready', 'paused')) AS overdue,
         EXISTS (SELECT 1 FROM tasks WHERE state = 'ready' AND lane < '@') AS "anyReady",
         EXISTS (SELECT 1 FROM tasks WHERE state = 'ready' AND lane > '=' AND lane < '@') AS "anyLimited",
         EXISTS (SELECT 1 FROM tasks WHERE state = 'blocked') AS "anyBlocked",
         EXISTS (SELECT 1 FROM tasks WHERE NOT budget_ready AND finished_at IS NULL) AS "withoutBudget",
         EXISTS (SELECT 1 FROM tasks WHERE state = 'running') OR EXISTS (SELECT 1 FROM tasks WHERE state = 'ready')
           OR EXISTS (SELECT 1 FROM tasks WHERE state = 'blocked') OR EXISTS (SELECT 1 FROM tasks WHERE state = 'paused')
           AS "anyOpen"`,
      [],
      'work at a look',
    );
    if (!row) throw new Error('the database did not tell the time');
    return row;
  }
}

const heldOf = (row: HeldRow): HeldSession => ({
  version: row.version,
  taskId: row.id,
  sessionId: row.session_id,
  epoch: row.epoch,
  runner: row.runner,
  sessionsUsed: row.sessions_used,
  maxSessions: row.max_sessions,
  failures: row.failures,
  retries: row.retries,
  retryBackoff: row.more.retryBackoff,
  lostInARow: row.lost_in_a_row,
  unchangedInARow: row.unchanged_in_a_row,
  startDigest: row.start_digest,
  lastDigest: row.checkpoint_digest,
  cancelRequested: row.cancel_requested,
  pauseRequested: row.pause_requested,
  overdue: row.overdue,
});
