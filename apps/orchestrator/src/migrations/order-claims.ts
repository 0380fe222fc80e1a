import type { MigrationInterface, QueryRunner } from '@purser/database';

/**
 * The order of claims, and lanes: what cannot be handed out now is set aside, so that a claim never looks at more than it
 * takes, however much waits.
 */
export class OrderClaims1700000005100 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    // A step of priority is worth ten minutes of waiting. What comes later has a later place, so nothing is passed for
    // ever, and no row has to be touched for it.
    await runner.query(`
      ALTER TABLE tasks
        ADD COLUMN lane text COLLATE "C" NOT NULL DEFAULT '',
        ADD COLUMN place timestamp NOT NULL
          GENERATED ALWAYS AS ((created_at AT TIME ZONE 'UTC') - priority * interval '10 minutes') STORED
    `);
    await runner.query('DROP INDEX tasks_ready');
    await runner.query(`CREATE INDEX tasks_ready ON tasks (lane, executor, place, seq) WHERE state = 'ready'`);
    // When to look at what was set aside until a time.
    await runner.query(`CREATE INDEX tasks_later ON tasks (available_at) WHERE state = 'ready' AND lane = '@later'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX tasks_later, tasks_ready');
    await runner.query('ALTER TABLE tasks DROP COLUMN lane, DROP COLUMN place');
    await runner.query(`CREATE INDEX tasks_ready ON tasks (priority DESC, seq) WHERE state = 'ready'`);
  }
}
