import { Inject, Injectable } from '@nestjs/common';
import { Database } from '@purser/database';
import { CONFIG } from '@purser/service';
import type { Config } from '../config.js';
import { FENCE, FENCE_HELD, refuseUnlessHeld, type Writer } from './fenced.js';
import type { StoredState } from './stored-state.js';

export interface StoredCheckpoint extends StoredState {
  epoch: number;
  number: number;
  /** Of the workspace that it belongs to, when that is a repository. */
  commit: string | null;
  at: Date;
}

type Row = Omit<StoredCheckpoint, 'size'> & { size: bigint };

/** A program that saves often has the old ones removed with every so-manieth; what is above the number is not read. */
const TRIM_EVERY = 8;
const COLUMNS = `epoch, number, digest, bytes, coalesce(size, octet_length(bytes))::bigint AS size, blob, chunks,
  workspace_commit AS commit, at`;

@Injectable()
export class CheckpointsRepository {
  constructor(
    private readonly database: Database,
    @Inject(CONFIG) private readonly config: Pick<Config, 'PURSER_CHECKPOINTS_KEPT'>,
  ) {}

  /** The same number again replaces it: the caller did not learn whether the first write was carried out. */
  async save(writer: Writer, checkpoint: Omit<StoredCheckpoint, 'epoch'>): Promise<void> {
    const { number, digest, bytes, size, blob, chunks, commit, at } = checkpoint;
    const rows = await this.database.query<{ held: number }>(
      `WITH ${FENCE},
       written AS (
         INSERT INTO checkpoints (task_id, epoch, number, digest, bytes, size, blob, chunks, workspace_commit, at)
         SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10 FROM fence
         ON CONFLICT (task_id, epoch, number)
         DO UPDATE SET digest = excluded.digest, bytes = excluded.bytes, size = excluded.size, blob = excluded.blob,
           chunks = excluded.chunks, workspace_commit = excluded.workspace_commit, at = excluded.at
       )
       ${FENCE_HELD}`,
      [writer.taskId, writer.epoch, number, digest, bytes && Buffer.from(bytes), size, blob, chunks, commit, at],
    );
    refuseUnlessHeld(rows, writer);
    if (blob !== null || number % TRIM_EVERY === 0) await this.trim(writer.taskId);
  }

  /** The newest, or the newest before one; undefined when there are no more that are kept. */
  async newest(taskId: string, skipped = 0): Promise<StoredCheckpoint | undefined> {
    if (skipped >= this.config.PURSER_CHECKPOINTS_KEPT) return undefined;
    const [row] = await this.database.query<Row>(
      `SELECT ${COLUMNS} FROM checkpoints WHERE task_id = $1 ORDER BY epoch DESC, number DESC OFFSET $2 LIMIT 1`,
      [taskId, skipped],
    );
    return row && { ...row, size: Number(row.size) };
  }

  async findByDigest(taskId: string, digest: string): Promise<StoredCheckpoint | undefined> {
    const [row] = await this.database.query<Row>(
      `SELECT ${COLUMNS} FROM checkpoints WHERE task_id = $1 AND digest = $2 ORDER BY epoch DESC, number DESC LIMIT 1`,
      [taskId, digest],
    );
    return row && { ...row, size: Number(row.size) };
  }

  /** Older ones are there for the case that a newer one turns out to be damaged. */
  private async trim(taskId: string): Promise<void> {
    await this.database.query(
      `WITH gone AS (
         DELETE FROM checkpoints WHERE task_id = $1 AND (epoch, number) < (
           SELECT epoch, number FROM checkpoints WHERE task_id = $1
           ORDER BY epoch DESC, number DESC OFFSET $2 LIMIT 1)
         RETURNING blob
       )
       DELETE FROM chunks USING gone WHERE chunks.task_id = $1 AND chunks.blob = gone.blob`,
      [taskId, this.config.PURSER_CHECKPOINTS_KEPT - 1],
    );
  }
}
