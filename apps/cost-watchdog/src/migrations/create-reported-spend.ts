import type { MigrationInterface, QueryRunner } from '@purser/database';

/** What each reading of books added, and when that was used: what spike rules on reported costs look at. Kept for days. */
export class CreateReportedSpend1700000003700 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE reported_spend (
        seq     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        source  text NOT NULL REFERENCES cost_sources,
        service text NOT NULL,
        from_at timestamptz NOT NULL,
        to_at   timestamptz NOT NULL CHECK (to_at > from_at),
        nano    bigint NOT NULL,
        at      timestamptz NOT NULL
      )`);
    await runner.query('CREATE INDEX reported_spend_by_end ON reported_spend (source, to_at)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE reported_spend');
  }
}
