import type { MigrationInterface, QueryRunner } from '@purser/database';

/** Since when the component on a VM has failed its health check without a break. */
export class AddUnhealthySince1700000006700 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE vm_agents ADD COLUMN unhealthy_since timestamptz');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE vm_agents DROP COLUMN unhealthy_since');
  }
}
