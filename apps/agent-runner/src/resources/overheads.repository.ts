import { Injectable } from '@nestjs/common';
import { Database } from '@purser/database';
import type { MeasuredOverhead, Overhead } from './overhead.js';

interface Row {
  handoffTokens: number | null;
  handoffSeconds: number | null;
  resumeTokens: number | null;
  resumeSeconds: number | null;
}

const COLUMNS = `handoff_tokens AS "handoffTokens", handoff_seconds AS "handoffSeconds",
  resume_tokens AS "resumeTokens", resume_seconds AS "resumeSeconds"`;

const overhead = (tokens: number | null, seconds: number | null): Overhead => ({
  ...(tokens === null ? {} : { tokens }),
  ...(seconds === null ? {} : { seconds }),
});

const measured = (row: Row): MeasuredOverhead => ({
  handoff: overhead(row.handoffTokens, row.handoffSeconds),
  resume: overhead(row.resumeTokens, row.resumeSeconds),
});

@Injectable()
export class OverheadsRepository {
  constructor(private readonly database: Database) {}

  /** Of a session that has ended: a newer one may own the task by now, whose row is another. Said twice, the first counts. */
  async save(
    of: { taskId: string; epoch: number; executor: string; at: Date },
    { handoff, resume }: MeasuredOverhead,
  ): Promise<void> {
    await this.database.query(
      `INSERT INTO overheads
         (task_id, epoch, executor, at, handoff_tokens, handoff_seconds, resume_tokens, resume_seconds)
       SELECT $1, $2, $3, $4, $5, $6, $7, $8 WHERE EXISTS (SELECT 1 FROM fences WHERE task_id = $1 AND epoch >= $2)
       ON CONFLICT (task_id, epoch) DO NOTHING`,
      [
        of.taskId,
        of.epoch,
        of.executor,
        of.at,
        handoff.tokens ?? null,
        handoff.seconds ?? null,
        resume.tokens ?? null,
        resume.seconds ?? null,
      ],
    );
  }

  async ofTask(taskId: string, limit: number): Promise<MeasuredOverhead[]> {
    const rows = await this.database.query<Row>(
      `SELECT ${COLUMNS} FROM overheads WHERE task_id = $1 ORDER BY epoch DESC LIMIT $2`,
      [taskId, limit],
    );
    return rows.map(measured);
  }

  async ofExecutor(executor: string, limit: number): Promise<MeasuredOverhead[]> {
    const rows = await this.database.query<Row>(
      `SELECT ${COLUMNS} FROM overheads WHERE executor = $1 ORDER BY at DESC LIMIT $2`,
      [executor, limit],
    );
    return rows.map(measured);
  }
}
