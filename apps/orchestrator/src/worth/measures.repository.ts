import { Injectable } from '@nestjs/common';
import type { SessionMeasures } from '@purser/contracts';
import { Database } from '@purser/database';

@Injectable()
export class MeasuresRepository {
  constructor(private readonly database: Database) {}

  /** Once for each session, though its finish may be told several times. */
  async keep(taskId: string, epoch: number, measures: SessionMeasures): Promise<void> {
    const { resumed, grade } = measures;
    await this.database.query(
      `INSERT INTO session_measures (task_id, epoch, seconds, tokens, first_progress_seconds, first_progress_tokens,
         unsaved_seconds, unsaved_tokens, killed, expected, resumed_epoch, resumed_number, resumed_at, resumed_intact,
         grade, grade_why, grade_by)
       SELECT $1::text, $2::integer, $3, $4, $5, $6, $7, $8, $9,
         EXISTS (SELECT 1 FROM tasks WHERE id = $1 AND epoch = $2 AND start_digest IS NOT NULL),
         $10, $11, $12, $13, $14, $15, $16
       ON CONFLICT (task_id, epoch) DO NOTHING`,
      [
        taskId,
        epoch,
        measures.seconds,
        measures.tokens ?? null,
        measures.firstProgressSeconds,
        measures.firstProgressTokens ?? null,
        measures.unsavedSeconds,
        measures.unsavedTokens ?? null,
        measures.killed,
        resumed?.epoch ?? null,
        resumed?.number ?? null,
        resumed?.at ?? null,
        resumed?.intact ?? null,
        grade?.grade ?? null,
        grade?.why?.replaceAll('\0', '\ufffd') ?? null,
        grade?.by.replaceAll('\0', '\ufffd') ?? null,
      ],
    );
  }
}
