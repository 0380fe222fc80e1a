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

  async readSizes(): Promise<SizeRow[]> {
    const rows = await this.database.query<{ capability: string; key: string; counts: (bigint | string)[] }>(
      'SELECT capability, key, counts FROM output_sizes ORDER BY updated_at DESC LIMIT $1',
      [MOST_READ],
    );
    return rows.map((row) => ({ ...row, counts: row.counts.map(Number) }));
  }

  /** Adds to what all gateways counted, and lets old answers fade. */
  async addSizes({ capability, key, counts }: SizeRow): Promise<void> {
    await this.database.query(
      `INSERT INTO output_sizes AS known (capability, key, counts) VALUES ($1, $2, $3)
       ON CONFLICT (capability, key) DO UPDATE SET updated_at = now(), counts = (
         SELECT array_agg(CASE WHEN size.total > $4 THEN (size.count + 1) / 2 ELSE size.count END ORDER BY size.at)
         FROM (SELECT old + added AS count, sum(old + added) OVER () AS total, at
               FROM unnest(known.counts, excluded.counts) WITH ORDINALITY AS class (old, added, at)) AS size)`,
      [capability, key, counts, FADE_AT],
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
