import type { MigrationInterface, QueryRunner } from '@purser/database';

/** One row, whose lock keeps settlements and changes of windows apart. An advisory lock any database role could take, and block all. */
export class CreateShaping1700000003005 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE TABLE shaping (one boolean PRIMARY KEY DEFAULT true CHECK (one))');
    await runner.query('INSERT INTO shaping DEFAULT VALUES');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE shaping');
  }
}
