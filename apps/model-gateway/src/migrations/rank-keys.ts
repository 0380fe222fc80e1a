import type { MigrationInterface, QueryRunner } from '@purser/database';

/** Keys of before budgets had reserves are as important as any. */
export class RankKeys1700000002100 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      'ALTER TABLE keys ADD COLUMN priority smallint NOT NULL DEFAULT 5 CHECK (priority BETWEEN 0 AND 9)',
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE keys DROP COLUMN priority');
  }
}
