import type { MigrationInterface, QueryRunner } from '@purser/database';

/** Everything that sessions leave behind. The fence is what every write is checked against. */
export class CreateSessions1700000001000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE fences (
        task_id    text PRIMARY KEY,
        epoch      integer NOT NULL CHECK (epoch > 0),
        session_id text NOT NULL,
        at         timestamptz NOT NULL DEFAULT now()
      )`);
    await runner.query(`
      CREATE TABLE checkpoints (
        task_id text NOT NULL,
        epoch   integer NOT NULL,
        number  integer NOT NULL CHECK (number > 0),
        digest  text NOT NULL CHECK (digest ~ '^sha256:[0-9a-f]{64}$'),
        bytes   bytea NOT NULL,
        at      timestamptz NOT NULL,
        PRIMARY KEY (task_id, epoch, number)
      )`);
    await runner.query(`
      CREATE TABLE handoffs (
        task_id  text NOT NULL,
        epoch    integer NOT NULL,
        markdown text NOT NULL,
        at       timestamptz NOT NULL,
        PRIMARY KEY (task_id, epoch)
      )`);
    await runner.query(`
      CREATE TABLE logs (
        task_id    text NOT NULL,
        seq        bigint NOT NULL,
        session_id text NOT NULL,
        epoch      integer NOT NULL,
        stream     text NOT NULL CHECK (stream IN ('stdout', 'stderr', 'purser')),
        at         timestamptz NOT NULL,
        text       text NOT NULL,
        PRIMARY KEY (task_id, seq)
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['logs', 'handoffs', 'checkpoints', 'fences']) await runner.query(`DROP TABLE ${table}`);
  }
}
