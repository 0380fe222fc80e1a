import { Injectable } from '@nestjs/common';
import { Database, type Sql } from '@purser/database';
import { SUMMARY_COLUMNS, type TaskSummaryRow } from '../tasks/task.row.js';

export interface DeadLetterRow extends TaskSummaryRow {
  failures: number;
  lost_in_a_row: number;
  checkpoint_epoch: number | null;
  checkpoint_number: number | null;
  checkpoint_digest: string | null;
  retried_as: string | null;
}

const COLUMNS = `${SUMMARY_COLUMNS}, failures, lost_in_a_row, checkpoint_epoch, checkpoint_number, checkpoint_digest, retried_as`;

@Injectable()
export class DeadLettersRepository {
  constructor(private readonly database: Database) {}

  /** Keyset by seq, newest first, from the index dead_letters. */
  list(code: string | undefined, beforeSeq: string | undefined, limit: number): Promise<DeadLetterRow[]> {
    return this.database.query(
      `SELECT ${COLUMNS} FROM tasks
       WHERE state = 'failed' AND retried_as IS NULL AND ($2::bigint IS NULL OR seq < $2)
         AND CASE WHEN $1::text IS NULL THEN error->>'code' <> 'dependency_failed' ELSE error->>'code' = $1 END
       ORDER BY seq DESC LIMIT $3`,
      [code ?? null, beforeSeq ?? null, limit],
    );
  }

  async find(id: string): Promise<DeadLetterRow | undefined> {
    const [row] = await this.database.query<DeadLetterRow>(
      `SELECT ${COLUMNS} FROM (
         SELECT * FROM tasks WHERE id = $1
         UNION ALL
         SELECT * FROM archived_task($1)
       ) AS t LIMIT 1`,
      [id],
    );
    return row;
  }

  /** False when it is noted already. */
  async retriedAs(tx: Sql, id: string, retry: string): Promise<boolean> {
    const rows = await tx.query(
      `UPDATE tasks SET retried_as = $2, updated_at = now()
       WHERE id = $1 AND finished_at IS NOT NULL AND retried_as IS DISTINCT FROM $2 RETURNING id`,
      [id, retry],
    );
    return rows.length > 0;
  }

  /** Of these tasks, what became of each that was retried, to the last retry. */
  async lastRetries(ids: readonly string[]): Promise<Map<string, string>> {
    const rows = await this.database.query<{ id: string; last: string }>(
      `WITH RECURSIVE retries AS (
         SELECT id, retried_as AS last, 1 AS depth FROM tasks WHERE id = ANY($1) AND retried_as IS NOT NULL
         UNION ALL
         SELECT r.id, t.retried_as, r.depth + 1 FROM retries r JOIN tasks t ON t.id = r.last
         WHERE t.retried_as IS NOT NULL AND r.depth < 100
       )
       SELECT DISTINCT ON (id) id, last FROM retries ORDER BY id, depth DESC`,
      [ids],
    );
    return new Map(rows.map(({ id, last }) => [id, last]));
  }
}
