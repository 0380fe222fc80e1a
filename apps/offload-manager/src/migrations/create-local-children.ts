import type { MigrationInterface, QueryRunner } from '@purser/database';

/** Of several managers one runs a component that is a program here: whichever has its row. */
export class CreateLocalChildren1700000006822 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE local_children (
        component text PRIMARY KEY,
        instance  text NOT NULL,
        -- False once it is to end, whoever moves it away: the one that runs it sees to that, and deletes the row.
        wanted    boolean NOT NULL DEFAULT true,
        seen_at   timestamptz NOT NULL DEFAULT now()
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE local_children');
  }
}
