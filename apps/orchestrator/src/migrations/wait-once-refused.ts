import type { MigrationInterface, QueryRunner } from '@purser/database';

/**
 * Any task waits for its budget once a session of it ended since no budget covered a call. The trigger asks for the state
 * first: nearly every row fails that.
 */
export class WaitOnceRefused1700000005900 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TRIGGER await_budget ON tasks;
      CREATE TRIGGER await_budget BEFORE INSERT OR UPDATE ON tasks FOR EACH ROW
        WHEN (NEW.state = 'ready' AND NOT NEW.admitted AND (NEW.paid_only OR NEW.budget_refusal IS NOT NULL))
        EXECUTE FUNCTION await_budget();
      DROP INDEX tasks_by_budget;
      CREATE INDEX tasks_by_budget ON tasks (priority DESC, seq)
        WHERE (paid_only OR budget_refusal IS NOT NULL) AND finished_at IS NULL
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TRIGGER await_budget ON tasks;
      CREATE TRIGGER await_budget BEFORE INSERT OR UPDATE ON tasks FOR EACH ROW
        WHEN (NEW.paid_only AND NEW.state = 'ready' AND NOT NEW.admitted) EXECUTE FUNCTION await_budget();
      DROP INDEX tasks_by_budget;
      CREATE INDEX tasks_by_budget ON tasks (priority DESC, seq) WHERE paid_only AND finished_at IS NULL
    `);
  }
}
