import { Injectable } from '@nestjs/common';
import type { Sql } from '@purser/database';
import type { Nano } from '@purser/money';

export interface ProviderSpend {
  provider: string;
  day: Nano;
  month: Nano;
}

@Injectable()
export class ReportRepository {
  /** True for the one watchdog that makes the report of this day. */
  async take(tx: Sql, day: string, now: Date): Promise<boolean> {
    const rows = await tx.query(
      'INSERT INTO daily_reports (day, made_at) VALUES ($1::date, $2) ON CONFLICT (day) DO NOTHING RETURNING day',
      [day, now],
    );
    return rows.length > 0;
  }

  async isFirst(sql: Sql): Promise<boolean> {
    const [row] = await sql.query<{ first: boolean }>('SELECT NOT EXISTS (SELECT 1 FROM daily_reports) AS first');
    return row?.first === true;
  }

  /** By the index on usage_at; a month is read once a day. */
  spent(sql: Sql, day: Date, month: Date, until: Date): Promise<ProviderSpend[]> {
    return sql.query<ProviderSpend>(
      `SELECT provider,
              coalesce(sum(amount_nano) FILTER (WHERE usage_at >= $1), 0)::bigint AS day,
              coalesce(sum(amount_nano), 0)::bigint AS month
         FROM entries WHERE usage_at >= $2 AND usage_at < $3
        GROUP BY provider HAVING sum(amount_nano) <> 0 ORDER BY month DESC, provider`,
      [day, month, until],
    );
  }
}
