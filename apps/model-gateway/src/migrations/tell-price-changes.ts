import { CREATE_TELL_CHANGE, type MigrationInterface, type QueryRunner } from '@purser/database';

/** Every gateway learns at once that a price was set, and need not ask for it every second. */
export class TellPriceChanges1700000006801 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(CREATE_TELL_CHANGE);
    await runner.query(
      `CREATE TRIGGER tell_change AFTER INSERT OR UPDATE OR DELETE ON price_rows
         FOR EACH STATEMENT EXECUTE FUNCTION tell_change()`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TRIGGER tell_change ON price_rows');
    await runner.query('DROP FUNCTION tell_change()');
  }
}
