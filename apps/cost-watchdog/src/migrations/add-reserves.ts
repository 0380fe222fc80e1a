import type { MigrationInterface, QueryRunner } from '@purser/database';

/** The last part of a budget, for important calls; see ADR 0014. */
export class AddReserves1700000003100 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE budgets
        -- One of these two, and for whom, or none of the three.
        ADD COLUMN reserve_share    numeric CHECK (reserve_share > 0 AND reserve_share <= 1),
        ADD COLUMN reserve_nano     bigint CHECK (reserve_nano >= 0),
        ADD COLUMN reserve_priority smallint CHECK (reserve_priority BETWEEN 1 AND 9),
        -- What calls of a lower priority may not use of cutoff_nano, which no generated column can name.
        ADD COLUMN reserved_nano    bigint NOT NULL GENERATED ALWAYS AS (
          least(floor(limit_nano * cutoff)::bigint, coalesce(reserve_nano, ceil(limit_nano * reserve_share)::bigint, 0))) STORED,
        ADD CONSTRAINT budgets_reserve CHECK (num_nonnulls(reserve_share, reserve_nano) = num_nonnulls(reserve_priority))`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE budgets
        DROP COLUMN reserved_nano, DROP COLUMN reserve_share, DROP COLUMN reserve_nano, DROP COLUMN reserve_priority`);
  }
}
