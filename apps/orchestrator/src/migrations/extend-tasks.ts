import type { MigrationInterface, QueryRunner } from '@purser/database';

/**
 * What a submitter may say beyond the first needs. What no statement looks at by itself is in `more`: retryBackoff,
 * estimates, complexity, workspace, grader.
 */
export class ExtendTasks1700000005000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE tasks
        ADD COLUMN parent_id text REFERENCES tasks (id) CHECK (parent_id <> id),
        ADD COLUMN on_dependency_failure text NOT NULL DEFAULT 'fail'
          CHECK (on_dependency_failure IN ('fail', 'skip', 'ignore')),
        ADD COLUMN paid_only boolean NOT NULL DEFAULT false,
        ADD COLUMN more json NOT NULL DEFAULT '{}'
    `);
    await runner.query('CREATE INDEX tasks_of_parent ON tasks (parent_id, seq) WHERE parent_id IS NOT NULL');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE tasks DROP COLUMN parent_id, DROP COLUMN on_dependency_failure, DROP COLUMN paid_only, DROP COLUMN more
    `);
  }
}
