import { Injectable } from '@nestjs/common';
import { EmergencyReport, type ReplyOf, type reportsList } from '@purser/contracts';
import { Database, type Sql } from '@purser/database';
import { formatUsd, type Nano } from '@purser/money';

type Summary = ReplyOf<typeof reportsList>['reports'][number];

@Injectable()
export class ReportsRepository {
  constructor(private readonly database: Database) {}

  /** By the hour of use; the index on usage_at bounds it to the hours asked for. */
  async history(since: Date, until: Date): Promise<EmergencyReport['history']> {
    const rows = await this.database.query<{ hour: Date; nano: Nano }>(
      `SELECT date_trunc('hour', usage_at, 'UTC') AS hour, sum(amount_nano)::bigint AS nano
         FROM entries WHERE usage_at >= $1 AND usage_at < $2 AND amount_nano <> 0
        GROUP BY 1 ORDER BY 1`,
      [since, until],
    );
    return rows.map(({ hour, nano }) => ({ hour: hour.toISOString(), usd: formatUsd(nano) }));
  }

  async byModel(since: Date, until: Date): Promise<EmergencyReport['byModel']> {
    const rows = await this.database.query<{ provider: string; model: string; nano: Nano; requests: bigint }>(
      `SELECT provider, model, sum(amount_nano)::bigint AS nano, count(DISTINCT call_id) AS requests
         FROM entries WHERE usage_at >= $1 AND usage_at < $2 AND amount_nano <> 0
        GROUP BY provider, model ORDER BY nano DESC, provider, model LIMIT 50`,
      [since, until],
    );
    return rows.map(({ provider, model, nano, requests }) => ({
      provider,
      model,
      usd: formatUsd(nano),
      requests: Number(requests),
    }));
  }

  async evidence(serial: number): Promise<EmergencyReport['evidence']> {
    const [row] = await this.database.query<NonNullable<EmergencyReport['evidence']>>(
      'SELECT title, details FROM emergency_evidence WHERE serial = $1',
      [serial],
    );
    return row ?? null;
  }

  /** Locked until the transaction ends: several watchdogs add to one report. */
  async lock(tx: Sql, id: string): Promise<EmergencyReport | undefined> {
    const [row] = await tx.query<{ report: unknown }>('SELECT report FROM emergency_reports WHERE id = $1 FOR UPDATE', [
      id,
    ]);
    return row && EmergencyReport.parse(row.report);
  }

  /** @returns whether there was none. */
  async insert(tx: Sql, report: EmergencyReport): Promise<boolean> {
    const rows = await tx.query(
      `INSERT INTO emergency_reports (id, serial, at, report) VALUES ($1, $2, $3, $4::jsonb)
       ON CONFLICT DO NOTHING RETURNING id`,
      [report.id, report.latch.serial, report.latch.at, JSON.stringify(report)],
    );
    return rows.length > 0;
  }

  async replace(tx: Sql, report: EmergencyReport): Promise<void> {
    await tx.query('UPDATE emergency_reports SET report = $2::jsonb WHERE id = $1', [
      report.id,
      JSON.stringify(report),
    ]);
  }

  async find(id: string): Promise<EmergencyReport | undefined> {
    const [row] = await this.database.query<{ report: unknown }>('SELECT report FROM emergency_reports WHERE id = $1', [
      id,
    ]);
    return row && EmergencyReport.parse(row.report);
  }

  async list(limit: number): Promise<Summary[]> {
    const rows = await this.database.query<Omit<Summary, 'at'> & { at: Date }>(
      `SELECT id, serial, at, report->'latch'->>'by' AS by, report->'latch'->>'reason' AS reason,
              (SELECT count(*)::int FROM jsonb_array_elements(report->'targets') AS target
                WHERE target->>'fate' IN ('stopped', 'killed', 'gone')) AS stopped,
              (SELECT count(*)::int FROM jsonb_array_elements(report->'targets') AS target
                WHERE target->>'fate' IN ('alive', 'over_cap')) AS alive,
              jsonb_array_length(report->'missing') AS missing
         FROM emergency_reports ORDER BY at DESC, id DESC LIMIT $1`,
      [limit],
    );
    return rows.map((row) => ({ ...row, at: row.at.toISOString() }));
  }
}
