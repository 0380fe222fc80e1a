import { Injectable } from '@nestjs/common';
import { Call, CALLS_KEPT_DAYS } from '@purser/contracts';
import { Database } from '@purser/database';

@Injectable()
export class CallsRepository {
  constructor(private readonly database: Database) {}

  async add(calls: readonly Call[]): Promise<void> {
    await this.database.query(
      `INSERT INTO calls (id, at, record)
       SELECT record ->> 'id', (record ->> 'at')::timestamptz, record FROM jsonb_array_elements($1::jsonb) AS record
       ON CONFLICT (id) DO NOTHING`,
      [JSON.stringify(calls)],
    );
  }

  async get(id: string): Promise<Call | undefined> {
    const [row] = await this.database.query<{ record: unknown }>('SELECT record FROM calls WHERE id = $1', [id]);
    return row && Call.parse(row.record);
  }

  /** Removes at most so many that are too old; says how many there were. */
  async removeOld(most: number): Promise<number> {
    const [row] = await this.database.query<{ removed: number }>(
      `WITH old AS (
         DELETE FROM calls WHERE id IN (
           SELECT id FROM calls WHERE at < now() - $1 * interval '1 day' ORDER BY at LIMIT $2
         ) RETURNING 1
       )
       SELECT count(*)::integer AS removed FROM old`,
      [CALLS_KEPT_DAYS, most],
    );
    return row?.removed ?? 0;
  }
}
