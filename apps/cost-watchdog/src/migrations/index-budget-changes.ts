import type { MigrationInterface, QueryRunner } from '@purser/database';

/** Gateways ask again and again whether budgets of tasks have changed, and which. */
export class IndexBudgetChanges1700000003003 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE INDEX budget_changes_of_tasks ON budget_changes (seq)
       WHERE coalesce(before #>> '{scope,task}', after #>> '{scope,task}') IS NOT NULL`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX budget_changes_of_tasks');
  }
}
