import { Injectable } from '@nestjs/common';
import { Database, type Sql } from '@purser/database';
import type { Nano } from '@purser/money';
import type { CountedRow, KnownRow } from './counting.js';
import type { Period } from './period.js';

interface ReportedRow {
  id: string;
  from_at: Date;
  to_at: Date;
  service: string;
  model: string | null;
  project: string | null;
  amount_nano: Nano;
  counted_nano: Nano;
  corrected_nano: Nano;
  revision: number;
  finality: 'final' | 'estimate';
  changed_at: Date;
}

/** Rows of books as they were last told. */
@Injectable()
export class ReportedRepository {
  constructor(private readonly database: Database) {}

  /** Those of a period, and those told now: books may tell more than they were asked for. */
  async known(source: string, { from, to }: Period, told: readonly string[]): Promise<KnownRow[]> {
    const rows = await this.database.query<ReportedRow>(
      `SELECT * FROM reported_costs WHERE source = $1 AND ((from_at >= $2 AND from_at < $3) OR id = ANY($4::text[]))`,
      [source, from, to, told],
    );
    return rows.map(({ from_at, to_at, amount_nano, counted_nano, corrected_nano, changed_at, ...row }) => ({
      ...{ id: row.id, service: row.service, model: row.model, project: row.project },
      ...{ revision: row.revision, finality: row.finality, from: from_at, to: to_at, changedAt: changed_at },
      ...{ amount: amount_nano, counted: counted_nano, corrected: corrected_nano },
    }));
  }

  /**
   * By row: what people corrected of these entries. One look into the small index of corrections for each of them: as a plain
   * join it was a scan of all the ledger where that has no statistics of this column yet, 20 s with ten million entries.
   */
  async corrections(tx: Sql, attempts: readonly { row: string; attempt: string }[]): Promise<Map<string, Nano>> {
    if (attempts.length === 0) return new Map();
    const rows = await tx.query<{ row: string; nano: Nano }>(
      `SELECT a.row, sum(c.nano)::bigint AS nano FROM unnest($1::text[], $2::text[]) AS a(row, attempt)
        CROSS JOIN LATERAL (SELECT sum(amount_nano) AS nano FROM entries WHERE corrects = a.attempt) AS c
        WHERE c.nano IS NOT NULL GROUP BY a.row`,
      [attempts.map(({ row }) => row), attempts.map(({ attempt }) => attempt)],
    );
    return new Map(rows.map(({ row, nano }) => [row, nano]));
  }

  async keep(tx: Sql, source: string, rows: readonly CountedRow[], now: Date): Promise<void> {
    await tx.query(
      `INSERT INTO reported_costs (source, id, from_at, to_at, service, model, project, amount_nano, counted_nano,
              corrected_nano, revision, finality, changed_at)
       SELECT $1, x.*, $3 FROM jsonb_to_recordset($2::jsonb) AS x(id text, from_at timestamptz, to_at timestamptz, service text,
              model text, project text, amount_nano bigint, counted_nano bigint, corrected_nano bigint, revision integer, finality text)
       ON CONFLICT (source, id) DO UPDATE
          SET from_at = excluded.from_at, to_at = excluded.to_at, service = excluded.service, model = excluded.model,
              project = excluded.project, amount_nano = excluded.amount_nano, counted_nano = excluded.counted_nano,
              corrected_nano = excluded.corrected_nano, revision = excluded.revision, finality = excluded.finality, changed_at = excluded.changed_at`,
      [source, JSON.stringify(rows.map(columns)), now],
    );
  }

  /** What the books say of a month, and whether anything of it is known at all. */
  sums(sources: readonly string[], from: Date, to: Date): Promise<{ source: string; reported: Nano; counted: Nano }[]> {
    return this.database.query(
      `SELECT source, sum(amount_nano)::bigint AS reported, sum(counted_nano)::bigint AS counted
         FROM reported_costs WHERE source = ANY($1::text[]) AND from_at >= $2 AND from_at < $3 GROUP BY source`,
      [sources, from, to],
    );
  }
}

const columns = (row: CountedRow) => ({
  id: row.id,
  from_at: row.from,
  to_at: row.to,
  service: row.service,
  model: row.model,
  project: row.project,
  amount_nano: row.amount.toString(),
  counted_nano: row.counted.toString(),
  corrected_nano: row.corrected.toString(),
  revision: row.revision,
  finality: row.finality,
});
