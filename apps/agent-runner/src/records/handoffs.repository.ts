import { Injectable } from '@nestjs/common';
import { Database } from '@purser/database';
import { FENCE, FENCE_HELD, refuseUnlessHeld, type Writer } from './fenced.js';

export interface StoredHandoff {
  epoch: number;
  markdown: string;
  at: Date;
}

export const HANDOFFS_KEPT = 20;

@Injectable()
export class HandoffsRepository {
  constructor(private readonly database: Database) {}

  /** Replaces the document of the same session. */
  async save(writer: Writer, markdown: string, at: Date): Promise<void> {
    const rows = await this.database.query<{ held: number }>(
      `WITH ${FENCE},
       written AS (
         INSERT INTO handoffs (task_id, epoch, markdown, at) SELECT $1, $2, $3, $4 FROM fence
         ON CONFLICT (task_id, epoch) DO UPDATE SET markdown = excluded.markdown, at = excluded.at
       )
       ${FENCE_HELD}`,
      [writer.taskId, writer.epoch, markdown, at],
    );
    refuseUnlessHeld(rows, writer);
    await this.database.query(
      `DELETE FROM handoffs WHERE task_id = $1 AND epoch < (
         SELECT epoch FROM handoffs WHERE task_id = $1 ORDER BY epoch DESC OFFSET $2 LIMIT 1)`,
      [writer.taskId, HANDOFFS_KEPT - 1],
    );
  }

  /** The one of a session, or the last. */
  async find(taskId: string, epoch?: number): Promise<StoredHandoff | undefined> {
    const [found] = await this.database.query<StoredHandoff>(
      `SELECT epoch, markdown, at FROM handoffs
       WHERE task_id = $1 AND ($2::int IS NULL OR epoch = $2) ORDER BY epoch DESC LIMIT 1`,
      [taskId, epoch ?? null],
    );
    return found;
  }
}
