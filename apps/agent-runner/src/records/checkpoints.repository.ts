import { Injectable } from '@nestjs/common';
import { Database } from '@purser/database';
import { FENCE, FENCE_HELD, refuseUnlessHeld, type Writer } from './fenced.js';

export interface StoredCheckpoint {
  epoch: number;
  number: number;
  digest: string;
  bytes: Uint8Array;
  at: Date;
}

/** Older ones are there for the case that a newer one turns out to be damaged. */
export const CHECKPOINTS_KEPT = 5;

@Injectable()
export class CheckpointsRepository {
  constructor(private readonly database: Database) {}

  /** The same number again replaces it: the caller did not learn whether the first write was carried out. */
  async save(writer: Writer, checkpoint: Omit<StoredCheckpoint, 'epoch'>): Promise<void> {
    const { number, digest, bytes, at } = checkpoint;
    const rows = await this.database.query<{ held: number }>(
      `WITH ${FENCE},
       written AS (
         INSERT INTO checkpoints (task_id, epoch, number, digest, bytes, at)
         SELECT $1, $2, $3, $4, $5, $6 FROM fence
         ON CONFLICT (task_id, epoch, number)
         DO UPDATE SET digest = excluded.digest, bytes = excluded.bytes, at = excluded.at
       )
       ${FENCE_HELD}`,
      [writer.taskId, writer.epoch, number, digest, Buffer.from(bytes), at],
    );
    refuseUnlessHeld(rows, writer);
    await this.database.query(
      `DELETE FROM checkpoints WHERE task_id = $1 AND (epoch, number) < (
         SELECT epoch, number FROM checkpoints WHERE task_id = $1
         ORDER BY epoch DESC, number DESC OFFSET $2 LIMIT 1)`,
      [writer.taskId, CHECKPOINTS_KEPT - 1],
    );
  }

  /** All that are kept, newest first. */
  list(taskId: string): Promise<StoredCheckpoint[]> {
    return this.database.query<StoredCheckpoint>(
      `SELECT epoch, number, digest, bytes, at FROM checkpoints WHERE task_id = $1
       ORDER BY epoch DESC, number DESC LIMIT $2`,
      [taskId, CHECKPOINTS_KEPT],
    );
  }
}
