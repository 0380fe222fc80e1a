import type { MigrationInterface, QueryRunner } from '@purser/database';

export class CreateFreeQuotas1700000002020 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    // What gateways have taken of each quota in each of its windows: used, or in hand.
    await runner.query(`
      CREATE TABLE free_quotas (
        name      text NOT NULL,
        starts_at timestamptz NOT NULL,
        taken     bigint NOT NULL DEFAULT 0 CHECK (taken >= 0),
        PRIMARY KEY (name, starts_at)
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE free_quotas');
  }
}
