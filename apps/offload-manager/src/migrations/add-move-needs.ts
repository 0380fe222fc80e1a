import type { MigrationInterface, QueryRunner } from '@purser/database';

/** What a component was seen to need when it left: on its VM nothing measures what it would take here. */
export class AddMoveNeeds1700000006701 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE moves ADD COLUMN memory_mb double precision');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE moves DROP COLUMN memory_mb');
  }
}
