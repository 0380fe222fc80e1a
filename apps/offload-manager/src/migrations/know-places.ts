import type { MigrationInterface, QueryRunner } from '@purser/database';

/** In which project or on which host each of them is: a driver of another one does not see it, and must not call it gone. */
export class KnowPlaces1700000006600 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    // Null in what is older than this: it counts as being where the driver looks.
    await runner.query('ALTER TABLE vms ADD COLUMN place text');
    await runner.query('ALTER TABLE strays ADD COLUMN place text');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE strays DROP COLUMN place');
    await runner.query('ALTER TABLE vms DROP COLUMN place');
  }
}
