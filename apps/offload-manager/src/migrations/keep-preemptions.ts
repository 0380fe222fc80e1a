import type { MigrationInterface, QueryRunner } from '@purser/database';

/** When a platform took it away: how often that happens, later decisions go by, over restarts. */
export class KeepPreemptions1700000006882 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE vms ADD COLUMN preempted_at timestamptz');
    await runner.query('CREATE INDEX vms_preempted ON vms (preempted_at) WHERE preempted_at IS NOT NULL');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE vms DROP COLUMN preempted_at');
  }
}
