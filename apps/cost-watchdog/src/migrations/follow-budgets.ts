import type { MigrationInterface, QueryRunner } from '@purser/database';

/** On which day a budget's weeks begin, which notices of spend went out in which period, and rules on spikes that were set at run time. */
export class FollowBudgets1700000003602 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE budgets ADD COLUMN week_start text NOT NULL DEFAULT 'monday'`);
    await runner.query(`
      CREATE TABLE spend_notices (
        name         text NOT NULL,
        period_start timestamptz NOT NULL,
        at           timestamptz NOT NULL,
        -- Told once in a period, by whichever watchdog comes first.
        PRIMARY KEY (name, period_start)
      )`);
    await runner.query(`
      CREATE TABLE spike_rule_changes (
        seq    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        -- The newest hold; null: those of the file.
        rules  jsonb,
        by     text NOT NULL,
        reason text NOT NULL,
        at     timestamptz NOT NULL
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE spike_rule_changes, spend_notices');
    await runner.query('ALTER TABLE budgets DROP COLUMN week_start');
  }
}
