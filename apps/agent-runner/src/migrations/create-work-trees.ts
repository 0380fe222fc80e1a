import type { MigrationInterface, QueryRunner } from '@purser/database';

/** What is known of the git work trees of tasks: who had it last, and which commit the state of the task belongs to. */
export class CreateWorkTrees1700000005710 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE work_trees (
        task_id text PRIMARY KEY,
        epoch   integer NOT NULL,
        runner  text NOT NULL,
        commit  text,
        pushed  boolean NOT NULL DEFAULT false,
        at      timestamptz NOT NULL DEFAULT now()
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE work_trees');
  }
}
