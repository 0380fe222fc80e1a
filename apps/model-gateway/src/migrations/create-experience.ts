import type { MigrationInterface, QueryRunner } from '@purser/database';

export class CreateExperience1700000002001 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    // One row per capability and key: how many answers fell into each size class.
    await runner.query(`
      CREATE TABLE output_sizes (
        capability text NOT NULL,
        key        text NOT NULL,
        counts     bigint[] NOT NULL,
        updated_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (capability, key)
      )`);
    await runner.query('CREATE INDEX output_sizes_updated_at ON output_sizes (updated_at)');
    await runner.query(`
      CREATE TABLE safety_factors (
        provider text NOT NULL,
        model    text NOT NULL,
        permille integer NOT NULL CHECK (permille >= 1000),
        PRIMARY KEY (provider, model)
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE safety_factors');
    await runner.query('DROP TABLE output_sizes');
  }
}
