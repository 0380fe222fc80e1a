import { CREATE_TELL_CHANGE, type MigrationInterface, type QueryRunner } from '@purser/database';

/** What decides whether there is anything to look after. Heartbeats and bills, which come all the time, are not told. */
const TOLD = {
  moves: 'INSERT OR DELETE OR UPDATE OF step, vm_id',
  component_places: 'INSERT OR DELETE OR UPDATE',
  vms: 'INSERT OR DELETE OR UPDATE OF rev',
  strays: 'INSERT OR DELETE OR UPDATE OF gone_at',
};

/** Every manager learns at once of what has changed, and need not ask for it twice a second. */
export class TellChanges1700000006800 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(CREATE_TELL_CHANGE);
    for (const [table, events] of Object.entries(TOLD))
      await runner.query(
        `CREATE TRIGGER tell_change AFTER ${events} ON ${table} FOR EACH STATEMENT EXECUTE FUNCTION tell_change()`,
      );
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of Object.keys(TOLD)) await runner.query(`DROP TRIGGER tell_change ON ${table}`);
    await runner.query('DROP FUNCTION tell_change()');
  }
}
