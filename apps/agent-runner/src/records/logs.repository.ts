import { Injectable } from '@nestjs/common';
import type { LogLine } from '@purser/contracts';
import { Database } from '@purser/database';
import { FENCE, FENCE_HELD, refuseUnlessHeld, type Writer } from './fenced.js';

export interface NewLine {
  seq: number;
  stream: LogLine['stream'];
  at: Date;
  text: string;
}

export interface LogBounds {
  lines: number;
  bytes: number;
}

/** What a task keeps of its log. */
export const LOG_BOUNDS: LogBounds = { lines: 200_000, bytes: 50 * 1024 * 1024 };
/** What a row costs beside its text. */
const ROW_BYTES = 64;

interface Row extends Omit<LogLine, 'seq' | 'at' | 'sessionId'> {
  seq: bigint;
  at: Date;
  session_id: string;
}

@Injectable()
export class LogsRepository {
  constructor(private readonly database: Database) {}

  /** Lines that are there already stay: a batch whose answer was lost is sent again. */
  async append(writer: Writer, lines: readonly NewLine[]): Promise<void> {
    const rows = await this.database.query<{ held: number }>(
      `WITH ${FENCE},
       written AS (
         INSERT INTO logs (task_id, epoch, session_id, seq, stream, at, text)
         SELECT $1, $2, $3, line.seq, line.stream, line.at, line.text
         FROM fence, unnest($4::bigint[], $5::text[], $6::timestamptz[], $7::text[]) AS line(seq, stream, at, text)
         ON CONFLICT (task_id, seq) DO NOTHING
       )
       ${FENCE_HELD}`,
      [
        writer.taskId,
        writer.epoch,
        writer.sessionId,
        lines.map((line) => line.seq),
        lines.map((line) => line.stream),
        lines.map((line) => line.at),
        lines.map((line) => line.text),
      ],
    );
    refuseUnlessHeld(rows, writer);
  }

  async lastSeq(taskId: string): Promise<number> {
    const [row] = await this.database.query<{ last: bigint | null }>(
      'SELECT max(seq) AS last FROM logs WHERE task_id = $1',
      [taskId],
    );
    return Number(row?.last ?? 0n);
  }

  /** Removes the oldest lines beyond the bounds; how many. */
  async trim(taskId: string, { lines, bytes }: LogBounds): Promise<number> {
    const [row] = await this.database.query<{ removed: number }>(
      `WITH sizes AS (
         SELECT seq, row_number() OVER newest AS lines, sum(octet_length(text) + $4) OVER newest AS bytes
         FROM logs WHERE task_id = $1 WINDOW newest AS (ORDER BY seq DESC)
       ),
       gone AS (
         DELETE FROM logs WHERE task_id = $1
           AND seq <= (SELECT max(seq) FROM sizes WHERE lines > $2 OR bytes > $3)
         RETURNING 1
       )
       SELECT count(*)::int AS removed FROM gone`,
      [taskId, lines, bytes, ROW_BYTES],
    );
    return row?.removed ?? 0;
  }

  /** Lines after a sequence number, oldest first, and no more than `maxBytes` of text beyond the first line. */
  async read(taskId: string, after: number, limit: number, maxBytes: number): Promise<LogLine[]> {
    const rows = await this.database.query<Row>(
      `SELECT seq, session_id, epoch, stream, at, text FROM (
         SELECT *, sum(octet_length(text)) OVER (ORDER BY seq) - octet_length(text) AS before FROM (
           SELECT * FROM logs WHERE task_id = $1 AND seq > $2 ORDER BY seq LIMIT $3
         ) page
       ) measured WHERE before < $4 ORDER BY seq`,
      [taskId, after, limit, maxBytes],
    );
    return rows.map(({ seq, session_id, epoch, stream, at, text }) => ({
      seq: Number(seq),
      sessionId: session_id,
      epoch,
      stream,
      at: at.toISOString(),
      text,
    }));
  }
}
