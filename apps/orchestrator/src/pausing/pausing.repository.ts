import { Injectable } from '@nestjs/common';
import type { TaskState } from '@purser/contracts';
import type { Sql } from '@purser/database';

export interface Paused {
  state: TaskState;
  /** False when a person had paused it already. */
  changed: boolean;
}

@Injectable()
export class PausingRepository {
  /** A running task is only asked to; any other that is not over is paused at once. A pause by a person replaces one by a budget. */
  async pause(tx: Sql, id: string, reason: string): Promise<Paused | undefined> {
    const [row] = await tx.query<Paused>(
      `WITH before AS (
         SELECT id, state, coalesce(paused_reason, pause_requested) LIKE 'person:%' AS done
         FROM tasks WHERE id = $1 AND finished_at IS NULL FOR UPDATE
       ), paused AS (
         UPDATE tasks t SET
           state = CASE WHEN t.state = 'running' THEN t.state ELSE 'paused' END,
           pause_requested = CASE WHEN t.state = 'running' THEN $2 END,
           paused_reason = CASE WHEN t.state <> 'running' THEN $2 END,
           updated_at = now()
         FROM before WHERE t.id = before.id AND before.done IS NOT TRUE
         RETURNING t.id, t.state
       )
       SELECT coalesce(paused.state, before.state) AS state, paused.id IS NOT NULL AS changed
       FROM before LEFT JOIN paused USING (id)`,
      [id, reason],
    );
    return row;
  }

  /**
   * A task that was paused before all it depends on was done waits for that again. `paused`: it waits for its budget now,
   * as one that becomes ready does.
   */
  async resume(tx: Sql, id: string): Promise<'ready' | 'blocked' | 'paused' | undefined> {
    const [row] = await tx.query<{ state: 'ready' | 'blocked' | 'paused' }>(
      `UPDATE tasks t SET paused_reason = NULL, updated_at = now(),
         state = CASE WHEN EXISTS (SELECT 1 FROM task_dependencies d JOIN tasks p ON p.id = d.depends_on
                                   WHERE d.task_id = t.id AND p.state <> 'completed')
           THEN 'blocked' ELSE 'ready' END
       WHERE id = $1 AND state = 'paused' AND paused_reason LIKE 'person:%'
       RETURNING t.state`,
      [id],
    );
    return row?.state;
  }

  /** A session that was asked to pause has not ended yet: its task goes on with another one. */
  async withdraw(tx: Sql, id: string): Promise<boolean> {
    const rows = await tx.query(
      `UPDATE tasks SET pause_requested = NULL, updated_at = now()
       WHERE id = $1 AND state = 'running' AND pause_requested LIKE 'person:%' RETURNING id`,
      [id],
    );
    return rows.length > 0;
  }
}
