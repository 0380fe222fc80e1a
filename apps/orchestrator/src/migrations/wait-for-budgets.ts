import type { MigrationInterface, QueryRunner } from '@purser/database';

/**
 * A task that waits for its budget is ready only once it was admitted, by whichever statement it becomes so: submitted,
 * unblocked, given back, resumed. Held here, so that none of those, nor the claim, has to know of budgets.
 */
export class WaitForBudgets1700000005520 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE tasks
        ADD COLUMN admitted boolean NOT NULL DEFAULT false,
        -- The last call that no budget covered: {budgets, needNano, at, times, session}.
        ADD COLUMN budget_refusal json;
      -- Those of before are not held back until the first look at budgets.
      UPDATE tasks SET admitted = true WHERE paid_only AND finished_at IS NULL;
      CREATE INDEX tasks_by_budget ON tasks (priority DESC, seq) WHERE paid_only AND finished_at IS NULL;
      CREATE FUNCTION await_budget() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        NEW.state := 'paused';
        NEW.paused_reason := 'budget: it is about to be looked at';
        RETURN NEW;
      END $$;
      CREATE TRIGGER await_budget BEFORE INSERT OR UPDATE ON tasks FOR EACH ROW
        WHEN (NEW.paid_only AND NEW.state = 'ready' AND NOT NEW.admitted) EXECUTE FUNCTION await_budget()
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TRIGGER await_budget ON tasks;
      DROP FUNCTION await_budget();
      ALTER TABLE tasks DROP COLUMN admitted, DROP COLUMN budget_refusal
    `);
  }
}
