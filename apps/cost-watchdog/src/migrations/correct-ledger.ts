import type { MigrationInterface, QueryRunner } from '@purser/database';

/** Corrections say what they correct, by whom and why; and entries what the first paid tier would have charged. */
export class CorrectLedger1700000003600 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE entries
        ADD COLUMN first_paid_nano bigint,
        -- An attempt_id.
        ADD COLUMN corrects text,
        ADD COLUMN corrected_by text,
        ADD COLUMN reason text`);
    await runner.query('CREATE INDEX entries_that_correct ON entries (corrects) WHERE corrects IS NOT NULL');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(
      'ALTER TABLE entries DROP COLUMN reason, DROP COLUMN corrected_by, DROP COLUMN corrects, DROP COLUMN first_paid_nano',
    );
  }
}
