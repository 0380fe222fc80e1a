import type { MigrationInterface, QueryRunner } from '@purser/database';

/** The tasks that an entry's task was a part of: it counts against their budgets, too. Null where there are none. */
export class RelateEntries1700000005202 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE entries ADD COLUMN ancestors text[]');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE entries DROP COLUMN ancestors');
  }
}
