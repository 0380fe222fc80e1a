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
    return rows.map(
      ({ from_at, to_at, amount_nano, counted_nano, changed_at, id, service, model, project, revision, finality }) => ({
        ...{ id, service, model, project, revision, finality },
        ...{ from: from_at, to: to_at, amount: amount_nano, counted: counted_nano, changedAt: changed_at },
      }),
    );
  }

  async keep(tx: Sql, source: string, rows: readonly CountedRow[], now: Date): Promise<void> {
    await tx.query(
      `INSERT INTO reported_costs (source, id, from_at, to_at, service, model, project, amount_nano, counted_nano, revision,
              finality, changed_at)
       SELECT $1, x.*, $3 FROM jsonb_to_recordset($2::jsonb) AS x(id text, from_at timestamptz, to_at timestamptz, service text,
              model text, project text, amount_nano bigint, counted_nano bigint, revision integer, finality text)
       ON CONFLICT (source, id) DO UPDATE
          SET from_at = excluded.from_at, to_at = excluded.to_at, service = excluded.service, model = excluded.model,
              project = excluded.project, amount_nano = excluded.amount_nano, counted_nano = excluded.counted_nano,
              revision = excluded.revision, finality = excluded.finality, changed_at = excluded.changed_at`,
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
  revision: row.revision,
  finality: row.finality,
});
