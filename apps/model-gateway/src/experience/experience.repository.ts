import { Injectable } from '@nestjs/common';
import { Database } from '@purser/database';
import { FADE_AT } from './size-histogram.js';

export interface SizeRow {
  capability: string;
  key: string;
  counts: number[];
}

export interface SafetyRow {
  provider: string;
  model: string;
  permille: number;
}

/** Rows that were not touched for so long are forgotten. */
const KEPT_DAYS = 30;
const MOST_READ = 5_000;

@Injectable()
export class ExperienceRepository {
  constructor(private readonly database: Database) {}

  /** All, or what changed within so long. As JSON, since thousands of arrays of Postgres' own take a tenth of a second to read. */
  readSizes(withinMs?: number): Promise<SizeRow[]> {
    return this.database.query<SizeRow>(
      `SELECT capability, key, to_json(counts) AS counts FROM output_sizes
       WHERE $2::double precision IS NULL OR updated_at > now() - $2::double precision * interval '1 ms'
       ORDER BY updated_at DESC LIMIT $1`,
      [MOST_READ, withinMs ?? null],
    );
  }

  /** Adds to what all gateways counted, and lets old answers fade. In one order, so that gateways do not lock each other out. */
  async addSizes(rows: readonly SizeRow[]): Promise<void> {
    await this.database.query(
      `INSERT INTO output_sizes AS known (capability, key, counts)
       SELECT capability, key, counts
       FROM jsonb_to_recordset($1::jsonb) AS added (capability text, key text, counts bigint[])
       ORDER BY capability, key
       ON CONFLICT (capability, key) DO UPDATE SET updated_at = now(), counts = (
         SELECT array_agg(CASE WHEN size.total > $2 THEN (size.count + 1) / 2 ELSE size.count END ORDER BY size.at)
         FROM (SELECT old + added AS count, sum(old + added) OVER () AS total, at
               FROM unnest(known.counts, excluded.counts) WITH ORDINALITY AS class (old, added, at)) AS size)`,
      [JSON.stringify(rows), FADE_AT],
    );
  }

  async forgetOldSizes(): Promise<void> {
    await this.database.query(`DELETE FROM output_sizes WHERE updated_at < now() - make_interval(days => $1)`, [
      KEPT_DAYS,
    ]);
  }

  readSafety(): Promise<SafetyRow[]> {
    return this.database.query<SafetyRow>('SELECT provider, model, permille FROM safety_factors');
  }

  /** Factors only ever rise; a person lowers them by deleting the row. */
  async raiseSafety({ provider, model, permille }: SafetyRow): Promise<void> {
    await this.database.query(
      `INSERT INTO safety_factors AS known (provider, model, permille) VALUES ($1, $2, $3)
       ON CONFLICT (provider, model) DO UPDATE SET permille = greatest(known.permille, excluded.permille)`,
      [provider, model, permille],
    );
  }
}
