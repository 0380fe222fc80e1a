import type { MigrationInterface, QueryRunner } from '@purser/database';

export class CreatePriceRows1700000002010 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    // Only ever added to: the newest row of a model counts, and ledger entries name older ones.
    await runner.query(`
      CREATE TABLE price_rows (
        seq    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        model  text NOT NULL,
        price  jsonb NOT NULL,
        set_by text NOT NULL,
        reason text NOT NULL,
        set_at timestamptz NOT NULL DEFAULT clock_timestamp()
      )`);
    await runner.query('CREATE INDEX price_rows_newest ON price_rows (model, seq DESC)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE price_rows');
  }
}
