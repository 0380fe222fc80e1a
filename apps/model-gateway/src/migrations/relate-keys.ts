import type { MigrationInterface, QueryRunner } from '@purser/database';

/** Whose budgets count for a key besides its task's own. */
export class RelateKeys1700000005201 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE keys ADD COLUMN ancestors text[] NOT NULL DEFAULT '{}'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE keys DROP COLUMN ancestors');
  }
}
