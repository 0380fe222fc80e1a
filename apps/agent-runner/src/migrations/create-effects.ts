import type { MigrationInterface, QueryRunner } from '@purser/database';

/** What sessions do to the world outside, once each: an intent, and its result when there is one. They go with the task's fence. */
export class CreateEffects1700000005600 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE effects (
        task_id    text NOT NULL REFERENCES fences ON DELETE CASCADE,
        key        text NOT NULL CHECK (length(key) BETWEEN 1 AND 200),
        number     bigint GENERATED ALWAYS AS IDENTITY,
        epoch      integer NOT NULL,
        session_id text NOT NULL,
        attempt    text NOT NULL,
        begun_at   timestamptz NOT NULL,
        ended_at   timestamptz,
        result     text,
        PRIMARY KEY (task_id, key),
        CHECK ((ended_at IS NULL) = (result IS NULL))
      )`);
    await runner.query('CREATE UNIQUE INDEX effects_by_number ON effects (task_id, number)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE effects');
  }
}
