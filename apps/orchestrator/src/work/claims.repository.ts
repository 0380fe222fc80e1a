import { Injectable } from '@nestjs/common';
import type { Assignment } from '@purser/contracts';
import { Database, type Sql, tellTogether, violatedConstraint } from '@purser/database';
import type { MoreOfTask } from '../tasks/task.row.js';
import { leaseFor } from './lease.sql.js';

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
  ancestors: string[];
  paid_only: boolean;
  more: MoreOfTask;
  created_at: Date;
}

export interface ClaimRequest {
  requestId: string;
  runner: string;
  slots: number;
  executors: string[];
  leaseMs: number;
  again?: boolean | undefined;
  holds?: string[] | undefined;
}

/** A lane of what waits for an executor, and how much of it may be handed out. */
export interface Source {
  executor: string;
  lane: string;
  most: number;
}

/** The lane of what may be handed out to whoever asks. Others: `=` and limited labels, see `label-lanes.ts`. */
export const OPEN = '';
/** Until its time. A lane that begins with `@` holds nothing that can be handed out. */
export const LATER = '@later';

const ASSIGNMENT =
  't.id, t.session_id, t.epoch, t.executor, t.input, t.limits, t.priority, t.project, t.labels, t.deadline, t.parent_id, t.ancestors, t.paid_only, t.more, t.created_at';

/** Where a claim leaves a mark of its request: see `CLAIM`. */
export type Mark = 'first' | 'second' | 'left';

/** The request was answered before, or is by a copy of it at this moment. */
export class Answered extends Error {}

/** Far longer than any statement may take. */
const MARKS_KEPT = '5 minutes';
const MARKED_ONCE = 'claims_under_way_pkey';

/**
 * Takes from the front of each source; what turns out not to be for now goes to a lane of its own, where no claim meets it
 * again. SKIP LOCKED: two claims at once get different tasks and do not wait for each other. The running sum of the inputs
 * keeps the answer within one message.
 *
 * One statement, which is a transaction by itself, and still no two copies of a request are given work: before all else it
 * leaves a mark. Who comes while another one works waits there, and is refused if that one was committed; who comes later
 * sees the sessions. The marks stay for a while, since a statement that began before the other's commit does not see what
 * that one did.
 *
 * The arrays come through subqueries: where Postgres sees how long they are, a plan for just those looks cheaper to it than
 * the one for any, and it plans anew for each claim, which costs more than to carry the claim out.
 */
const CLAIM = `
  WITH mark AS MATERIALIZED (
    INSERT INTO claims_under_way (request_id) SELECT $9::text WHERE $9::text IS NOT NULL RETURNING 1
  ), before AS MATERIALIZED (
    SELECT EXISTS (SELECT 1 FROM sessions WHERE claim_request_id = $6 AND runner = $5) AS answered
  ), seen AS MATERIALIZED (
    SELECT front.* FROM (SELECT count(*) FROM mark) AS marked
    JOIN before ON NOT answered
    CROSS JOIN (
      SELECT array_agg(label) AS labels FROM label_limits WHERE concurrency IS NOT NULL OR per_minute IS NOT NULL
    ) AS limited
    CROSS JOIN unnest((SELECT $1::text[]), (SELECT $2::text[]), (SELECT $3::integer[])) AS source (executor, lane, most)
    CROSS JOIN LATERAL (
      SELECT id, input_bytes, place, seq,
        CASE
          WHEN NOT budget_ready THEN '@budget'
          WHEN available_at > clock_timestamp() OR deadline <= clock_timestamp() THEN '${LATER}'
          WHEN labels && limited.labels
            THEN '=' || array_to_string(ARRAY(SELECT unnest(labels) INTERSECT SELECT unnest(limited.labels) ORDER BY 1), ',')
          ELSE '' END COLLATE "C" AS belongs,
        tasks.lane
      FROM tasks WHERE state = 'ready' AND tasks.lane = source.lane AND tasks.executor = source.executor
      ORDER BY place, seq LIMIT source.most FOR UPDATE SKIP LOCKED
    ) AS front
  ), moved AS (
    UPDATE tasks SET lane = belongs FROM seen WHERE tasks.id = seen.id AND belongs <> seen.lane RETURNING 1
  ), fitting AS (
    SELECT id FROM (
      SELECT id, row_number() OVER w AS position, sum(input_bytes) OVER w AS bytes FROM seen WHERE belongs = lane
      WINDOW w AS (ORDER BY place, id = ANY($8::text[]) DESC, seq)
    ) AS counted WHERE position <= $4 AND (position = 1 OR bytes <= ${MAX_CLAIM_BYTES})
  ), t AS (
    UPDATE tasks SET state = 'running', epoch = tasks.epoch + 1, session_id = gen_random_uuid()::text, runner = $5,
      lease_until = ${leaseFor('$7')}, start_digest = checkpoint_digest, updated_at = now()
    FROM fitting WHERE tasks.id = fitting.id
    RETURNING tasks.*
  ), opened AS (
    INSERT INTO sessions (id, task_id, epoch, runner, claim_request_id)
    SELECT session_id, id, epoch, runner, $6 FROM t
  ), told AS (${tellTogether('(SELECT format($10::text, id, session_id, epoch) AS event, place, seq FROM t) AS started', 'place, seq')}
  )
  SELECT answered, set_aside, ${ASSIGNMENT}
  FROM before CROSS JOIN (SELECT count(*)::integer AS set_aside FROM moved) AS aside LEFT JOIN t ON true
  ORDER BY t.place, t.seq`;

/** The statements that hand sessions out. */
@Injectable()
export class ClaimsRepository {
  constructor(private readonly database: Database) {}

  /**
   * False when a claim would surely be answered with nothing: a poll that finds no work costs this one statement. One
   * snapshot: of a copy of the request that is being served meanwhile it sees the sessions, or the tasks still ready.
   */
  async mayGive({ requestId, executors }: ClaimRequest): Promise<boolean> {
    const [row] = await this.database.query<{ found: boolean }>(
      `SELECT EXISTS (SELECT 1 FROM tasks WHERE state = 'ready' AND lane < '@' AND executor = ANY($1::text[]))
         OR EXISTS (SELECT 1 FROM sessions WHERE claim_request_id = $2) AS found`,
      [executors, requestId],
      'claims may be given',
    );
    return row?.found !== false;
  }

  /** The sessions that this very request was given before and that are still open, with a fresh lease. */
  async claimedBefore({ requestId, runner, leaseMs }: ClaimRequest): Promise<Assignment[]> {
    const rows = await this.database.query<AssignmentRow>(
      `UPDATE tasks t SET lease_until = ${leaseFor('$3')}, updated_at = now() FROM sessions s
       WHERE s.claim_request_id = $1 AND s.runner = $2 AND s.ended_at IS NULL AND t.id = s.task_id AND t.epoch = s.epoch
         AND t.state = 'running'
       RETURNING ${ASSIGNMENT}`,
      [requestId, runner, leaseMs],
    );
    return rows.map(assignmentOf);
  }

  /**
   * Hands out the next tasks, in the order of their places, and says how many it met that are not for now.
   * @param started the fact of each, see `TaskFacts.startedBy`
   * @throws Answered
   */
  async claim(
    sql: Sql,
    { requestId, runner, slots, leaseMs, holds = [] }: ClaimRequest,
    { sources, mark, started }: { sources: Source[]; mark: Mark; started: string },
  ): Promise<{ assignments: Assignment[]; setAside: number }> {
    const parameters = [
      sources.map(({ executor }) => executor),
      sources.map(({ lane }) => lane),
      sources.map(({ most }) => most),
      slots,
      runner,
      requestId,
      leaseMs,
      holds,
      mark === 'left' ? null : `${requestId}${mark === 'second' ? ' again' : ''}`,
      started,
    ];
    const rows = await sql
      .query<AssignmentRow & { answered: boolean; set_aside: number }>(CLAIM, parameters, 'claims')
      .catch((error: unknown) => {
        throw violatedConstraint(error) === MARKED_ONCE ? new Answered() : error;
      });
    if (rows[0]?.answered) throw new Answered();
    return {
      assignments: rows.filter(({ id }) => id !== null).map(assignmentOf),
      setAside: rows[0]?.set_aside ?? 0,
    };
  }

  async forgetMarks(): Promise<void> {
    await this.database.query(`DELETE FROM claims_under_way WHERE at < now() - interval '${MARKS_KEPT}'`);
  }

  /** What waited for its time and may be handed out now; at most so many. */
  async readyNow(limit: number): Promise<number> {
    const rows = await this.database.query(
      `UPDATE tasks SET lane = '${OPEN}' FROM (
         SELECT id FROM tasks WHERE state = 'ready' AND lane = '${LATER}' AND available_at <= clock_timestamp()
         ORDER BY available_at LIMIT $1 FOR UPDATE SKIP LOCKED
       ) AS due WHERE tasks.id = due.id RETURNING 1`,
      [limit],
      'claims ready now',
    );
    return rows.length;
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
  ancestors: row.ancestors,
  continues: row.more.continues ?? [],
  paidOnly: row.paid_only,
  complexity: row.more.complexity ?? 'standard',
  workspace: row.more.workspace ?? null,
  grader: row.more.grader ?? null,
  createdAt: row.created_at.toISOString(),
});
