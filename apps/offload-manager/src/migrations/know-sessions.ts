import type { MigrationInterface, QueryRunner } from '@purser/database';

/** VMs that sessions of tasks are placed on: whose they are, who pays for them, and for how long they are wanted. */
export class KnowSessions1700000006840 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE vms
        ADD COLUMN session_id text,
        ADD COLUMN task_id    text,
        ADD COLUMN ancestors  text[] NOT NULL DEFAULT '{}',
        ADD COLUMN project    text,
        -- It is deleted then, unless the session's runner has given another sign of life.
        ADD COLUMN kept_until timestamptz`);
    // A session has one VM in its life, however often its runner asks.
    await runner.query('CREATE UNIQUE INDEX vms_by_session ON vms (session_id) WHERE session_id IS NOT NULL');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX vms_by_session');
    await runner.query(`
      ALTER TABLE vms DROP COLUMN session_id, DROP COLUMN task_id, DROP COLUMN ancestors, DROP COLUMN project,
        DROP COLUMN kept_until`);
  }
}
