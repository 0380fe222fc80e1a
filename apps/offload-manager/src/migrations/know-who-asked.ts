import type { MigrationInterface, QueryRunner } from '@purser/database';

/** What somebody asked for and a budget refused says nothing of what would be decided. */
export class KnowWhoAsked1700000006820 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE moves ADD COLUMN by_hand boolean NOT NULL DEFAULT false');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE moves DROP COLUMN by_hand');
  }
}
