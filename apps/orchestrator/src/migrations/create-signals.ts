import type { MigrationInterface, QueryRunner } from '@purser/database';

/** A payload is `json`, not `jsonb`: what strangers wrote may hold the escape of U+0000. */
export class CreateSignals1700000005301 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE signals (
        task_id   text NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
        number    integer NOT NULL CHECK (number > 0),
        key       text,
        name      text NOT NULL,
        payload   json NOT NULL,
        by        text NOT NULL,
        at        timestamptz NOT NULL DEFAULT now(),
        -- The epoch of the session that received it last.
        epoch     integer,
        -- Once a session that had it ended in order.
        taken_at  timestamptz,
        PRIMARY KEY (task_id, number),
        UNIQUE (task_id, key)
      )`);
    await runner.query('CREATE INDEX signals_waiting ON signals (task_id, number) WHERE taken_at IS NULL');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE signals');
  }
}
