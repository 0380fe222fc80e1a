import type { MigrationInterface, QueryRunner } from '@purser/database';

/** Keys of before tasks could wait for their budget go on with free tiers. */
export class RestrictKeysToPaid1700000005500 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE keys ADD COLUMN paid_only boolean NOT NULL DEFAULT false');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE keys DROP COLUMN paid_only');
  }
}
