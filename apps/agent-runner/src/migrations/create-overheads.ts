import type { MigrationInterface, QueryRunner } from '@purser/database';

/** What handing over and resuming cost, one row for each session that was wrapped up at a limit. They go with the task's fence. */
export class CreateOverheads1700000005601 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE overheads (
        task_id         text NOT NULL REFERENCES fences ON DELETE CASCADE,
        epoch           integer NOT NULL,
        executor        text NOT NULL,
        at              timestamptz NOT NULL,
        handoff_tokens  double precision,
        handoff_seconds double precision,
        resume_tokens   double precision,
        resume_seconds  double precision,
        PRIMARY KEY (task_id, epoch)
      )`);
    // The last 50 of an executor are read at the start of each session.
    await runner.query('CREATE INDEX overheads_by_executor ON overheads (executor, at DESC)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE overheads');
  }
}
