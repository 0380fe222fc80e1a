import type { MigrationInterface, QueryRunner } from '@purser/database';

/** States beyond a megabyte lie in compressed pieces beside the row that names them. */
export class StoreLargeStates1700000005700 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE checkpoints
        ALTER COLUMN bytes DROP NOT NULL,
        ADD COLUMN size bigint,
        ADD COLUMN blob text,
        ADD COLUMN chunks integer NOT NULL DEFAULT 0,
        ADD COLUMN workspace_commit text,
        ADD CHECK ((bytes IS NULL) = (blob IS NOT NULL))`);
    await runner.query(`
      CREATE TABLE chunks (
        task_id text NOT NULL,
        epoch   integer NOT NULL,
        blob    text NOT NULL,
        number  integer NOT NULL CHECK (number >= 0),
        bytes   bytea NOT NULL,
        PRIMARY KEY (task_id, blob, number)
      )`);
    // They are compressed already.
    await runner.query('ALTER TABLE chunks ALTER COLUMN bytes SET STORAGE EXTERNAL');
    await runner.query(`
      CREATE TABLE artifacts (
        task_id text NOT NULL,
        name    text NOT NULL,
        kind    text NOT NULL CHECK (kind IN ('file', 'handoff', 'commit', 'pull_request')),
        epoch   integer NOT NULL,
        size    bigint NOT NULL,
        digest  text,
        bytes   bytea,
        blob    text,
        chunks  integer NOT NULL DEFAULT 0,
        link    text,
        at      timestamptz NOT NULL,
        PRIMARY KEY (task_id, name)
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE artifacts');
    await runner.query('DROP TABLE chunks');
    await runner.query(`DELETE FROM checkpoints WHERE bytes IS NULL`);
    await runner.query(`
      ALTER TABLE checkpoints
        DROP COLUMN size, DROP COLUMN blob, DROP COLUMN chunks, DROP COLUMN workspace_commit,
        ALTER COLUMN bytes SET NOT NULL`);
  }
}
