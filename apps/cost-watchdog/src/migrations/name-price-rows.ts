import type { MigrationInterface, QueryRunner } from '@purser/database';

/** An amount can be checked only by who knows at which prices it was reckoned. Entries from before do not say. */
export class NamePriceRows1700000003007 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE entries ADD COLUMN price_row text');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE entries DROP COLUMN price_row');
  }
}
