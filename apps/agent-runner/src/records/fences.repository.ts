import { Injectable } from '@nestjs/common';
import { Database } from '@purser/database';
import { staleEpoch, type Writer } from './fenced.js';

@Injectable()
export class FencesRepository {
  constructor(private readonly database: Database) {}

  /** From here on nothing of an older session is taken. Repeating it is no error. */
  async raise(writer: Writer): Promise<void> {
    const rows = await this.database.query(
      `INSERT INTO fences (task_id, epoch, session_id) VALUES ($1, $2, $3)
       ON CONFLICT (task_id) DO UPDATE SET epoch = excluded.epoch, session_id = excluded.session_id, at = now()
       WHERE fences.epoch < excluded.epoch
          OR (fences.epoch = excluded.epoch AND fences.session_id = excluded.session_id)
       RETURNING epoch`,
      [writer.taskId, writer.epoch, writer.sessionId],
    );
    if (rows.length === 0) throw staleEpoch(writer);
  }
}
