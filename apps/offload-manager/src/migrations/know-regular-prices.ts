import type { MigrationInterface, QueryRunner } from '@purser/database';

/** What the same had cost on a regular machine, by the prices that it was billed at. Of what was billed before nobody knows. */
export class KnowRegularPrices1700000006881 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE vms ADD COLUMN regular_nano bigint NOT NULL DEFAULT 0');
    await runner.query('UPDATE vms SET regular_nano = cost_nano');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE vms DROP COLUMN regular_nano');
  }
}
