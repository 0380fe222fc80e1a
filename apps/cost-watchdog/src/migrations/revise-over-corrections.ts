import type { MigrationInterface, QueryRunner } from '@purser/database';

/** What people corrected of entries of books is a part of what their next revision starts from. */
export class ReviseOverCorrections1700000003801 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    // In nano-dollars. What was revised over a correction before is put right when it is revised the next time.
    await runner.query('ALTER TABLE reported_costs ADD COLUMN corrected_nano bigint NOT NULL DEFAULT 0');
    // The ledger is not searched any more for what is metered: its sums by the hour tell.
    await runner.query('ALTER TABLE cost_sources DROP COLUMN metered_seq');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE cost_sources ADD COLUMN metered_seq bigint NOT NULL DEFAULT 0');
    await runner.query('ALTER TABLE reported_costs DROP COLUMN corrected_nano');
  }
}
