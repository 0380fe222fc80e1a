import type { MigrationInterface, QueryRunner } from '@purser/database';

/**
 * When the watchdog took an entry. Rolling windows count by it: by `usage_at`, which is the gateway's word, a gateway with a
 * wrong clock would hide spend from them or keep it in them.
 */
export class CountByOwnClock1700000003004 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE entries ADD COLUMN counted_at timestamptz');
    await runner.query('ALTER TABLE entries DISABLE TRIGGER entries_append_only');
    // So far nothing but metered spend is in it, which is observed when it is taken.
    await runner.query('UPDATE entries SET counted_at = observed_at');
    await runner.query('ALTER TABLE entries ENABLE TRIGGER entries_append_only');
    await runner.query('ALTER TABLE entries ALTER COLUMN counted_at SET NOT NULL');
    await runner.query('CREATE INDEX entries_by_counting ON entries (counted_at)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE entries DROP COLUMN counted_at');
  }
}
