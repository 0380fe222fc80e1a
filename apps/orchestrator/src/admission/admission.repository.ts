import { Injectable } from '@nestjs/common';
import { Database, type Sql } from '@purser/database';
import type { MoreOfTask } from '../tasks/task.row.js';
import type { Candidate, Refusal } from './admission.js';

export interface CandidateRow {
  id: string;
  seq: bigint;
  state: Candidate['state'];
  priority: number;
  executor: string;
  labels: string[];
  project: string | null;
  ancestors: string[];
  more: MoreOfTask;
  epoch: number;
  paused_reason: string | null;
  budget_refusal: Refusal | null;
  paid_only: boolean;
}

/** As the trigger writes it. */
export const NOT_LOOKED_AT = 'budget: it is about to be looked at';

const IN_A_ROW_MS = 10 * 60_000;

const NOW_MS = '(extract(epoch FROM clock_timestamp()) * 1000)::bigint';

/** As the index and the trigger have it: others are none of its business until a call of theirs was refused. */
const CONCERNED = '(paid_only OR budget_refusal IS NOT NULL)';

const TIMES_IN_A_ROW = `CASE
  WHEN (budget_refusal ->> 'at')::bigint > ${NOW_MS} - ${IN_A_ROW_MS} THEN least((budget_refusal ->> 'times')::integer + 1, 30)
  ELSE 1 END`;

/** What a person paused is left alone. */
const FOR_A_BUDGET = `state = 'paused' AND paused_reason LIKE 'budget:%'`;

/** Only `tasks` that wait for their budget; an index of their own keeps them apart from all others. */
@Injectable()
export class AdmissionRepository {
  constructor(private readonly database: Database) {}

  async now(): Promise<number> {
    const [row] = await this.database.query<{ now: Date }>('SELECT clock_timestamp() AS now');
    return row!.now.getTime();
  }

  /** In the order in which they are taken, after the given one. */
  page(after: { priority: number; seq: bigint } | undefined, limit: number): Promise<CandidateRow[]> {
    return this.database.query(
      `SELECT id, seq, state, priority, executor, labels, project, more, epoch, paused_reason, budget_refusal, ancestors, paid_only
       FROM tasks
       WHERE ${CONCERNED} AND finished_at IS NULL AND (state IN ('ready', 'running') OR ${FOR_A_BUDGET})
         AND ($1::smallint IS NULL OR priority < $1 OR priority = $1 AND seq > $2)
       ORDER BY priority DESC, seq LIMIT $3`,
      [after?.priority ?? null, after?.seq ?? null, limit],
    );
  }

  async admit(tx: Sql, ids: string[]): Promise<number> {
    const rows = await tx.query(
      `UPDATE tasks SET state = 'ready', admitted = true, paused_reason = NULL, updated_at = now(),
         budget_refusal = (budget_refusal::jsonb || '{"budgets": [], "needNano": null}')::json
       WHERE id = ANY($1) AND ${FOR_A_BUDGET} RETURNING id`,
      [ids],
    );
    return rows.length;
  }

  /** @returns those that changed */
  holdBack(tx: Sql, held: { id: string; reason: string }[]): Promise<{ id: string; reason: string }[]> {
    return tx.query(
      `UPDATE tasks t SET state = 'paused', admitted = false, paused_reason = h.reason, updated_at = now()
       FROM unnest($1::text[], $2::text[]) AS h (id, reason)
       WHERE t.id = h.id AND ${CONCERNED} AND (t.state = 'ready' OR t.${FOR_A_BUDGET})
         AND t.paused_reason IS DISTINCT FROM h.reason
       RETURNING t.id, t.paused_reason AS reason`,
      [held.map(({ id }) => id), held.map(({ reason }) => reason)],
    );
  }

  /** Running ones: when their session ends unfinished they wait. */
  async toEnd(tx: Sql, ids: string[]): Promise<void> {
    await tx.query(`UPDATE tasks SET admitted = false WHERE id = ANY($1) AND state = 'running' AND admitted`, [ids]);
  }

  /** Also when the session has just ended: what it left ready waits after all. A session counts once, however often it asks. */
  async refused(
    taskId: string,
    sessionId: string,
    { budgets, needNano }: Pick<Refusal, 'budgets' | 'needNano'>,
  ): Promise<void> {
    await this.database.query(
      `UPDATE tasks SET admitted = false, budget_refusal = json_build_object(
         'budgets', $3::json, 'needNano', $4::text, 'session', $2::text,
         'at', ${NOW_MS},
         'times', CASE WHEN budget_refusal ->> 'session' = $2 THEN (budget_refusal ->> 'times')::integer
           ELSE ${TIMES_IN_A_ROW} END)
       WHERE id = $1 AND paid_only AND finished_at IS NULL AND (session_id = $2 OR session_id IS NULL AND EXISTS (
         SELECT 1 FROM sessions s WHERE s.id = $2 AND s.task_id = tasks.id AND s.epoch = tasks.epoch))`,
      [taskId, sessionId, JSON.stringify(budgets), needNano],
    );
  }

  /**
   * A session ends since no budget covered a call, whichever that was. Before its end is written, so that no statement
   * finds the task ready. What a gateway told of it tells more and stays.
   */
  async foundNoMoney(taskId: string, epoch: number): Promise<void> {
    await this.database.query(
      `UPDATE tasks SET admitted = false, budget_refusal = CASE
         WHEN budget_refusal ->> 'session' = session_id THEN budget_refusal
         ELSE json_build_object('budgets', '[]'::json, 'needNano', NULL, 'session', session_id, 'at', ${NOW_MS},
           'times', ${TIMES_IN_A_ROW}) END
       WHERE id = $1 AND epoch = $2 AND state = 'running'`,
      [taskId, epoch],
    );
  }
}
