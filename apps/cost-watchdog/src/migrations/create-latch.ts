import type { MigrationInterface, QueryRunner } from '@purser/database';

/** The emergency latch (one row) and who stopped what. */
export class CreateLatch1700000003002 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE latch (
        one       boolean PRIMARY KEY DEFAULT true CHECK (one),
        serial    integer NOT NULL,
        active    boolean NOT NULL,
        by        text NOT NULL,
        reason    text NOT NULL,
        at        timestamptz NOT NULL,
        -- Whether its broadcast is known to be stored; until then it is sent again.
        announced boolean NOT NULL
      )`);
    await runner.query(
      `INSERT INTO latch (serial, active, by, reason, at, announced) VALUES (0, false, 'nobody', 'never set', now(), true)`,
    );
    await runner.query(`
      CREATE TABLE acknowledgements (
        serial   integer NOT NULL,
        service  text NOT NULL,
        instance text NOT NULL,
        at       timestamptz NOT NULL,
        stopped  jsonb NOT NULL,
        PRIMARY KEY (serial, service, instance)
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE acknowledgements, latch');
  }
}
