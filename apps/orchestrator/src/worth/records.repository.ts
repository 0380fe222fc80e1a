import { Injectable } from '@nestjs/common';
import type { RequestOf, recordsList } from '@purser/contracts';
import { Database, type Sql } from '@purser/database';
import { parseUsd } from '@purser/money';
import { kindOf } from './kind.js';
import type { RecordRow, SpanRow, Spent } from './record.row.js';

/** Like tasks of longer ago say less of the next one. */
const ALIKE = 200;

export interface Alike {
  tasks: bigint;
  /** Median and 90th percentile; null without any. */
  usd_nano: [number, number] | null;
  tokens: [number, number] | null;
  seconds: [number, number] | null;
  sessions: [number, number] | null;
}

const spread = (of: string) => `percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY ${of})`;

@Injectable()
export class RecordsRepository {
  constructor(private readonly database: Database) {}

  async anyDue(): Promise<boolean> {
    const [row] = await this.database.query<{ due: boolean }>('SELECT EXISTS (SELECT 1 FROM records_due) AS due');
    return row?.due === true;
  }

  /** Tasks that ended a while ago, locked for this orchestrator; the others take the next ones. */
  due(tx: Sql, afterSeconds: number, limit: number): Promise<{ seq: bigint; task_id: string }[]> {
    return tx.query(
      `SELECT seq, task_id FROM records_due WHERE at < now() - $1::double precision * interval '1 second'
       ORDER BY seq LIMIT $2 FOR UPDATE SKIP LOCKED`,
      [afterSeconds, limit],
    );
  }

  /** The times of tasks, who worked on them, and the last grade that one got. */
  spans(ids: string[], sql: Sql = this.database): Promise<SpanRow[]> {
    return sql.query(
      `SELECT t.id AS task_id, t.executor, t.labels, t.project, t.state, t.created_at, t.finished_at, now() AS now,
         s.first_start_ms, coalesce(s.worked_ms, 0) AS worked_ms, coalesce(s.sessions, 0) AS sessions, s.runners,
         m.grade, m.grade_why, m.grade_by
       FROM tasks t
       LEFT JOIN LATERAL (
         SELECT (extract(epoch FROM min(started_at) - t.created_at) * 1000)::bigint AS first_start_ms,
           (sum(extract(epoch FROM coalesce(ended_at, now()) - started_at)) * 1000)::bigint AS worked_ms,
           count(*) AS sessions, array_agg(DISTINCT runner) AS runners
         FROM sessions WHERE task_id = t.id
       ) s ON true
       LEFT JOIN LATERAL (
         SELECT grade, grade_why, grade_by FROM session_measures
         WHERE task_id = t.id AND grade_by IS NOT NULL ORDER BY epoch DESC LIMIT 1
       ) m ON true
       WHERE t.id = ANY($1)`,
      [ids],
    );
  }

  /** One statement for a batch. A task has one record, whoever writes it first. */
  async keep(tx: Sql, records: { row: SpanRow; spent: Spent }[]): Promise<void> {
    const column = (of: (one: { row: SpanRow; spent: Spent }) => unknown) => records.map(of);
    await tx.query(
      `INSERT INTO task_records (task_id, kind, executor, labels, project, outcome, created_at, finished_at,
         first_start_ms, worked_ms, sessions, runners, requests, input_tokens, output_tokens, usd_nano, models,
         grade, grade_why, grade_by)
       SELECT task_id, kind, executor, ARRAY(SELECT json_array_elements_text(labels)), project, outcome, created_at,
         finished_at, first_start_ms, worked_ms, sessions, ARRAY(SELECT json_array_elements_text(runners)), requests,
         input_tokens, output_tokens, usd_nano, models, grade, grade_why, grade_by
       FROM unnest($1::text[], $2::text[], $3::text[], $4::json[], $5::text[], $6::text[], $7::timestamptz[],
         $8::timestamptz[], $9::bigint[], $10::bigint[], $11::integer[], $12::json[], $13::bigint[], $14::bigint[],
         $15::bigint[], $16::bigint[], $17::json[], $18::double precision[], $19::text[], $20::text[])
         AS r (task_id, kind, executor, labels, project, outcome, created_at, finished_at, first_start_ms, worked_ms,
           sessions, runners, requests, input_tokens, output_tokens, usd_nano, models, grade, grade_why, grade_by)
       ON CONFLICT (task_id) DO NOTHING`,
      [
        column(({ row }) => row.task_id),
        column(({ row }) => kindOf(row)),
        column(({ row }) => row.executor),
        column(({ row }) => JSON.stringify(row.labels)),
        column(({ row }) => row.project),
        column(({ row }) => row.state),
        column(({ row }) => row.created_at),
        column(({ row }) => row.finished_at),
        column(({ row }) => row.first_start_ms?.toString() ?? null),
        column(({ row }) => row.worked_ms.toString()),
        column(({ row }) => row.sessions.toString()),
        column(({ row }) => JSON.stringify(row.runners ?? [])),
        column(({ spent }) => spent.requests),
        column(({ spent }) => spent.inputTokens),
        column(({ spent }) => spent.outputTokens),
        column(({ spent }) => parseUsd(spent.usd).toString()),
        column(({ spent }) => JSON.stringify(spent.models)),
        column(({ row }) => row.grade),
        column(({ row }) => row.grade_why),
        column(({ row }) => row.grade_by),
      ],
    );
  }

  async done(tx: Sql, seqs: bigint[]): Promise<void> {
    await tx.query('DELETE FROM records_due WHERE seq = ANY($1::bigint[])', [seqs.map(String)]);
  }

  async find(id: string): Promise<RecordRow | undefined> {
    const [row] = await this.database.query<RecordRow>('SELECT * FROM task_records WHERE task_id = $1', [id]);
    return row;
  }

  /** Keyset by seq, newest first: about the order in which they ended. */
  list(filter: RequestOf<typeof recordsList>): Promise<RecordRow[]> {
    return this.database.query(
      `SELECT * FROM task_records
       WHERE ($1::bigint IS NULL OR seq < $1) AND ($2::timestamptz IS NULL OR finished_at >= $2)
         AND ($3::timestamptz IS NULL OR finished_at < $3) AND ($4::text IS NULL OR executor = $4)
         AND ($5::text IS NULL OR labels @> ARRAY[$5]) AND ($6::text IS NULL OR project = $6)
         AND ($7::text IS NULL OR EXISTS (SELECT 1 FROM json_array_elements(models) m WHERE m ->> 'model' = $7))
       ORDER BY seq DESC LIMIT $8`,
      [
        filter.before ?? null,
        filter.since ?? null,
        filter.until ?? null,
        filter.executor ?? null,
        filter.label ?? null,
        filter.project ?? null,
        filter.model ?? null,
        filter.limit + 1,
      ],
    );
  }

  /** Of the last completed tasks of a kind. */
  async alike(kind: string): Promise<Alike> {
    const [row] = await this.database.query<Alike>(
      `SELECT count(*) AS tasks, ${spread('usd_nano')} AS usd_nano, ${spread('input_tokens + output_tokens')} AS tokens,
         ${spread('worked_ms / 1000.0::double precision')} AS seconds, ${spread('sessions')} AS sessions
       FROM (SELECT * FROM task_records WHERE kind = $1 AND outcome = 'completed'
             ORDER BY seq DESC LIMIT ${ALIKE}) AS last`,
      [kind],
    );
    return row ?? { tasks: 0n, usd_nano: null, tokens: null, seconds: null, sessions: null };
  }

  /** What nobody asks for any more. @returns how many went */
  async prune(olderThanDays: number, limit: number): Promise<number> {
    const rows = await this.database.query(
      `WITH old AS (
         DELETE FROM task_records WHERE task_id IN (
           SELECT task_id FROM task_records WHERE finished_at < now() - $1::integer * interval '1 day'
           ORDER BY finished_at LIMIT $2 FOR UPDATE SKIP LOCKED)
         RETURNING task_id
       ), measures AS (DELETE FROM session_measures WHERE task_id IN (SELECT task_id FROM old))
       SELECT task_id FROM old`,
      [olderThanDays, limit],
    );
    return rows.length;
  }
}
