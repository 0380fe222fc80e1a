import type { MigrationInterface, QueryRunner } from '@purser/database';

/** What was found when an emergency was over, and what the rule that set it had to go by. */
export class CreateReports1700000003500 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE emergency_reports (
        id     text PRIMARY KEY,
        serial integer NOT NULL,
        at     timestamptz NOT NULL,
        report jsonb NOT NULL
      )`);
    await runner.query('CREATE INDEX emergency_reports_by_time ON emergency_reports (at)');
    await runner.query(`
      CREATE TABLE emergency_evidence (
        serial  integer PRIMARY KEY,
        title   text NOT NULL,
        details jsonb NOT NULL
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE emergency_evidence, emergency_reports');
  }
}
