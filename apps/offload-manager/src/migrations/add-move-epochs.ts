import type { MigrationInterface, QueryRunner } from '@purser/database';

/** Rises whenever a move changes hands: what an owner of before still writes is not taken. */
export class AddMoveEpochs1700000006702 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE moves ADD COLUMN epoch integer NOT NULL DEFAULT 0');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE moves DROP COLUMN epoch');
  }
}
