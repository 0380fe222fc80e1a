import { Injectable } from '@nestjs/common';
import { Database } from '@purser/database';
import { FENCE, FENCE_HELD, refuseUnlessHeld, type Writer } from './fenced.js';

/** Pieces of states. What a blob is worth is said by the row that names it; until there is one nobody sees it. */
@Injectable()
export class ChunksRepository {
  constructor(private readonly database: Database) {}

  /** The same number again replaces it: the caller did not learn whether the first write was carried out. */
  async write(writer: Writer, blob: string, number: number, bytes: Uint8Array): Promise<void> {
    const rows = await this.database.query<{ held: number }>(
      `WITH ${FENCE},
       written AS (
         INSERT INTO chunks (task_id, epoch, blob, number, bytes) SELECT $1, $2, $3, $4, $5 FROM fence
         ON CONFLICT (task_id, blob, number) DO UPDATE SET bytes = excluded.bytes
       )
       ${FENCE_HELD}`,
      [writer.taskId, writer.epoch, blob, number, bytes],
    );
    refuseUnlessHeld(rows, writer);
  }

  async read(taskId: string, blob: string, number: number): Promise<Uint8Array | undefined> {
    const [row] = await this.database.query<{ bytes: Uint8Array }>(
      'SELECT bytes FROM chunks WHERE task_id = $1 AND blob = $2 AND number = $3',
      [taskId, blob, number],
    );
    return row?.bytes;
  }

  async remove(taskId: string, blob: string): Promise<void> {
    await this.database.query('DELETE FROM chunks WHERE task_id = $1 AND blob = $2', [taskId, blob]);
  }

  /** What sessions before this epoch began to write and did not come to name. Their fence is down: no more will come. */
  async removeUnnamed(taskId: string, epoch: number): Promise<void> {
    await this.database.query(
      `DELETE FROM chunks WHERE task_id = $1 AND epoch < $2
         AND NOT EXISTS (SELECT 1 FROM checkpoints WHERE task_id = $1 AND blob = chunks.blob)
         AND NOT EXISTS (SELECT 1 FROM artifacts WHERE task_id = $1 AND blob = chunks.blob)`,
      [taskId, epoch],
    );
  }
}
