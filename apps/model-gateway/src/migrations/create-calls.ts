import type { MigrationInterface, QueryRunner } from '@purser/database';

export class CreateCalls1700000002030 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE calls (
        id     text PRIMARY KEY,
        at     timestamptz NOT NULL,
        record jsonb NOT NULL
      )`);
    // For the sweep alone.
    await runner.query('CREATE INDEX calls_at ON calls (at)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE calls');
  }
}
