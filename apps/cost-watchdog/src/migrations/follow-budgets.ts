import type { MigrationInterface, QueryRunner } from '@purser/database';

/** On which day a budget's weeks begin, and which notices of spend went out in which period. */
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
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE spend_notices');
    await runner.query('ALTER TABLE budgets DROP COLUMN week_start');
  }
}
