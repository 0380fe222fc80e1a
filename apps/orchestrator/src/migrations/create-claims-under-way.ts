import type { MigrationInterface, QueryRunner } from '@purser/database';

/**
 * Requests for work that are answered at this moment, each in its own transaction, which removes its row again: what
 * waits for the key is another copy of the request. Nothing in it outlives a transaction, so it is not logged.
 */
export class CreateClaimsUnderWay1700000001001 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE UNLOGGED TABLE claims_under_way (request_id text PRIMARY KEY)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE claims_under_way');
  }
}
