import { Injectable } from '@nestjs/common';
import type { ArtifactKind } from '@purser/contracts';
import { Database } from '@purser/database';
import { FENCE, FENCE_HELD, refuseUnlessHeld, type Writer } from './fenced.js';
import type { StoredState } from './stored-state.js';

export interface NewArtifact {
  name: string;
  kind: ArtifactKind;
  /** What is kept of it; null when it is elsewhere, where `link` leads. */
  state: StoredState | null;
  link: string | null;
  at: Date;
}

export interface StoredArtifact extends Omit<StoredState, 'digest'> {
  name: string;
  kind: ArtifactKind;
  epoch: number;
  digest: string | null;
  link: string | null;
  at: Date;
}

/** Of a task. */
export const ARTIFACTS_LIMIT = 200;

const COLUMNS = 'name, kind, epoch, size, digest, link, at';

@Injectable()
export class ArtifactsRepository {
  constructor(private readonly database: Database) {}

  /** Replaces the one of this name. False when the task has as many as it may. */
  async save(writer: Writer, { name, kind, state, link, at }: NewArtifact): Promise<boolean> {
    const rows = await this.database.query<{ held: number; kept: number }>(
      `WITH ${FENCE},
       written AS (
         INSERT INTO artifacts (task_id, epoch, name, kind, size, digest, bytes, blob, chunks, link, at)
         SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11 FROM fence
         WHERE (SELECT count(*) FROM artifacts WHERE task_id = $1 AND name <> $3) < $12
         ON CONFLICT (task_id, name) DO UPDATE SET epoch = excluded.epoch, kind = excluded.kind, size = excluded.size,
           digest = excluded.digest, bytes = excluded.bytes, blob = excluded.blob, chunks = excluded.chunks,
           link = excluded.link, at = excluded.at
         RETURNING 1
       )
       ${FENCE_HELD.replace(' FROM', ', (SELECT count(*)::int FROM written) AS kept FROM')}`,
      [
        writer.taskId,
        writer.epoch,
        name,
        kind,
        state?.size ?? 0,
        state?.digest ?? null,
        state?.bytes ? Buffer.from(state.bytes) : null,
        state?.blob ?? null,
        state?.chunks ?? 0,
        link,
        at,
        ARTIFACTS_LIMIT,
      ],
    );
    refuseUnlessHeld(rows, writer);
    return rows[0]?.kept === 1;
  }

  /** Without their bytes, in the order of their names. */
  async list(taskId: string): Promise<StoredArtifact[]> {
    const rows = await this.database.query<Omit<StoredArtifact, 'size'> & { size: bigint }>(
      `SELECT ${COLUMNS}, null AS bytes, blob, chunks FROM artifacts WHERE task_id = $1 ORDER BY name`,
      [taskId],
    );
    return rows.map((row) => ({ ...row, size: Number(row.size) }));
  }

  async find(taskId: string, name: string): Promise<StoredArtifact | undefined> {
    const [row] = await this.database.query<Omit<StoredArtifact, 'size'> & { size: bigint }>(
      `SELECT ${COLUMNS}, bytes, blob, chunks FROM artifacts WHERE task_id = $1 AND name = $2`,
      [taskId, name],
    );
    return row && { ...row, size: Number(row.size) };
  }
}
