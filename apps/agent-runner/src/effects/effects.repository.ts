import { Injectable } from '@nestjs/common';
import { Database } from '@purser/database';
import { FENCE, refuseUnlessHeld, type Writer } from '../records/fenced.js';

export interface StoredEffect {
  number: number;
  key: string;
  epoch: number;
  sessionId: string;
  /** Which try of the caller's made the intent. */
  attempt: string;
  begunAt: Date;
  endedAt: Date | null;
  /** JSON; null while the outcome is not known. */
  result: string | null;
}

const COLUMNS = `number::int AS number, key, epoch, session_id AS "sessionId", attempt,
  begun_at AS "begunAt", ended_at AS "endedAt", result`;

/** How many a task may have: they are counted at each new one, about 1 ms at the bound. */
export const EFFECTS_PER_TASK = 10_000;

@Injectable()
export class EffectsRepository {
  constructor(private readonly database: Database) {}

  /** Whether the intent is new; false when there is one of this key already, or no room for another. */
  async begin(writer: Writer, intent: { key: string; attempt: string; at: Date }): Promise<boolean> {
    return this.fenced(
      writer,
      `INSERT INTO effects (task_id, epoch, key, session_id, attempt, begun_at)
       SELECT $1, $2, $3, $4, $5, $6 FROM fence
       WHERE (SELECT count(*) FROM effects WHERE task_id = $1) < $7
       ON CONFLICT (task_id, key) DO NOTHING RETURNING 1`,
      [intent.key, writer.sessionId, intent.attempt, intent.at, EFFECTS_PER_TASK],
    );
  }

  /** A task that goes on from others must not repeat what those did: their effects are its own from the start. */
  async inherit(writer: Writer, from: readonly string[]): Promise<void> {
    await this.fenced(
      writer,
      `INSERT INTO effects (task_id, epoch, key, session_id, attempt, begun_at, ended_at, result)
       SELECT DISTINCT ON (e.key) $1, $2, e.key, e.session_id, e.attempt, e.begun_at, e.ended_at, e.result
       FROM effects e JOIN unnest($3::text[]) WITH ORDINALITY AS earlier (task, place) ON e.task_id = earlier.task, fence
       ORDER BY e.key, earlier.place
       ON CONFLICT (task_id, key) DO NOTHING RETURNING 1`,
      [from],
    );
  }

  /** Whether there was an intent of unknown outcome. It may be an older session's: a newer one found out what came of it. */
  async finish(writer: Writer, { key, result, at }: { key: string; result: string; at: Date }): Promise<boolean> {
    return this.fenced(
      writer,
      `UPDATE effects SET result = $4, ended_at = $5, epoch = $2
       WHERE task_id = $1 AND key = $3 AND result IS NULL AND EXISTS (SELECT 1 FROM fence) RETURNING 1`,
      [key, result, at],
    );
  }

  /** Removes an intent that led to nothing, or (`done`) an effect that will not be asked for again. */
  async remove(writer: Writer, key: string, done: boolean): Promise<boolean> {
    return this.fenced(
      writer,
      `DELETE FROM effects
       WHERE task_id = $1 AND key = $3 AND (result IS NOT NULL) = $4 AND EXISTS (SELECT 1 FROM fence) RETURNING $2::int`,
      [key, done],
    );
  }

  async find(taskId: string, key: string): Promise<StoredEffect | undefined> {
    const [found] = await this.database.query<StoredEffect>(
      `SELECT ${COLUMNS} FROM effects WHERE task_id = $1 AND key = $2`,
      [taskId, key],
    );
    return found;
  }

  /** Oldest first. */
  list(taskId: string, after: number, limit: number): Promise<StoredEffect[]> {
    return this.database.query<StoredEffect>(
      `SELECT ${COLUMNS} FROM effects WHERE task_id = $1 AND number > $2 ORDER BY number LIMIT $3`,
      [taskId, after, limit],
    );
  }

  /** $1 is the task, $2 the epoch. Whether the statement changed a row; throws when a newer session owns the task. */
  private async fenced(writer: Writer, statement: string, parameters: unknown[]): Promise<boolean> {
    const rows = await this.database.query<{ held: number; changed: number }>(
      `WITH ${FENCE}, changed AS (${statement})
       SELECT (SELECT count(*) FROM fence)::int AS held, (SELECT count(*) FROM changed)::int AS changed`,
      [writer.taskId, writer.epoch, ...parameters],
    );
    refuseUnlessHeld(rows, writer);
    return rows[0]?.changed === 1;
  }
}
