import type { MigrationInterface, QueryRunner } from '@purser/database';

/**
 * A claim is one statement, so its mark can no longer be removed by the transaction that left it: it stays until no
 * statement that began before it can still be under way.
 */
export class KeepMarksOfClaims1700000005901 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE claims_under_way ADD COLUMN at timestamptz NOT NULL DEFAULT now()');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE claims_under_way DROP COLUMN at');
  }
}
