import { Injectable } from '@nestjs/common';
import { Database, type Sql } from '@purser/database';

@Injectable()
export class NoticesRepository {
  constructor(private readonly database: Database) {}

  /** True for the first who says it in this period; of several watchdogs, too. */
  async claim(tx: Sql, name: string, periodStart: Date, now: Date): Promise<boolean> {
    const rows = await tx.query(
      'INSERT INTO spend_notices (name, period_start, at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING name',
      [name, periodStart, now],
    );
    return rows.length > 0;
  }

  async isClaimed(name: string, periodStart: Date): Promise<boolean> {
    const rows = await this.database.query('SELECT FROM spend_notices WHERE name = $1 AND period_start = $2', [
      name,
      periodStart,
    ]);
    return rows.length > 0;
  }
}
