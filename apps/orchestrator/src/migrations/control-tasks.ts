import type { MigrationInterface, QueryRunner } from '@purser/database';

/** What a person may want of a running task besides its end. A pause is remembered until its session has wrapped up. */
export class ControlTasks1700000005300 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE tasks
        ADD COLUMN pause_requested text,
        ADD CONSTRAINT only_sessions_are_asked_to_pause CHECK (pause_requested IS NULL OR state = 'running')
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE tasks DROP COLUMN pause_requested');
  }
}
