import type { MigrationInterface, QueryRunner } from '@purser/database';

/** A place that is said to serve is not open yet: a component comes home only to one that the bus knows of. */
export class KnowOpenPlaces1700000006821 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE local_servings ADD COLUMN open boolean NOT NULL DEFAULT false');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE local_servings DROP COLUMN open');
  }
}
