import type { MigrationInterface, QueryRunner } from '@purser/database';

/**
 * A row is the lock by which claims of one limited label, of any number of orchestrators, go one after the other. Without
 * concurrency and per_minute it remembers what the file said of a label whose limits a person took away.
 */
export class CreateLabelLimits1700000005110 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE label_limits (
        label       text PRIMARY KEY,
        concurrency integer CHECK (concurrency >= 0),
        per_minute  integer CHECK (per_minute >= 0),
        -- When sessions began, of the last minute; only kept for labels with per_minute.
        starts      timestamptz[] NOT NULL DEFAULT '{}',
        -- What config/labels.json said when it was last applied; null for labels that are not in it.
        file_says   jsonb
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE label_limits');
  }
}
