import type { MigrationInterface, QueryRunner } from '@purser/database';

/** A finished task stays what it is (see guard_task): a retry is another one, and each knows of the other. */
export class RetryTasks1700000005302 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE tasks ADD COLUMN retried_as text CHECK (retried_as IS NULL OR finished_at IS NOT NULL)
    `);
    await runner.query(`
      CREATE INDEX dead_letters ON tasks (seq DESC) WHERE state = 'failed' AND retried_as IS NULL
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE tasks DROP COLUMN retried_as');
  }
}
