import type { MigrationInterface, QueryRunner } from '@purser/database';

/**
 * Every task that a task is a part of, its parent first: whose budgets count for it, without looking up its parents one
 * after the other. And a task that was skipped says why.
 */
export class RelateTasks1700000005200 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE tasks ADD COLUMN ancestors text[] NOT NULL DEFAULT '{}'`);
    await runner.query(`
      WITH RECURSIVE related AS (
        SELECT id, ARRAY[]::text[] AS ancestors FROM tasks WHERE parent_id IS NULL
        UNION ALL
        SELECT t.id, t.parent_id || r.ancestors FROM tasks t JOIN related r ON r.id = t.parent_id
      )
      UPDATE tasks t SET ancestors = r.ancestors FROM related r WHERE t.id = r.id AND t.parent_id IS NOT NULL
    `);
    await runner.query(`
      ALTER TABLE tasks
        ADD CONSTRAINT first_ancestor_is_parent CHECK (ancestors[1] IS NOT DISTINCT FROM parent_id),
        DROP CONSTRAINT tasks_check,
        -- A part without a budget of its own waits for those of the tasks above it.
        ADD CONSTRAINT budget_to_wait_for CHECK (budget_ready OR budget_nano IS NOT NULL OR parent_id IS NOT NULL),
        DROP CONSTRAINT failed_says_why,
        ADD CONSTRAINT failed_says_why CHECK (
          CASE WHEN state = 'failed' THEN error IS NOT NULL ELSE error IS NULL OR state = 'cancelled' END)
    `);
    // Few tasks are parts of others; of those, what keeps the budgets of the tasks above alive.
    await runner.query(
      'CREATE INDEX tasks_live_parts ON tasks USING gin (ancestors) WHERE finished_at IS NULL AND parent_id IS NOT NULL',
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`UPDATE tasks SET error = NULL WHERE state = 'cancelled'`);
    await runner.query(`UPDATE tasks SET budget_ready = true WHERE NOT budget_ready AND budget_nano IS NULL`);
    await runner.query(`
      ALTER TABLE tasks
        DROP CONSTRAINT first_ancestor_is_parent,
        DROP CONSTRAINT budget_to_wait_for,
        ADD CONSTRAINT tasks_check CHECK (budget_ready OR budget_nano IS NOT NULL),
        DROP CONSTRAINT failed_says_why,
        ADD CONSTRAINT failed_says_why CHECK ((state = 'failed') = (error IS NOT NULL)),
        DROP COLUMN ancestors
    `);
  }
}
