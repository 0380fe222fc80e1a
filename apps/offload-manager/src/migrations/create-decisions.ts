import type { MigrationInterface, QueryRunner } from '@purser/database';

/** What was decided about moving components, and whose turn it is to decide. */
export class CreateDecisions1700000006401 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE decisions (
        id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        at      timestamptz NOT NULL,
        -- Equal decisions in a row are one, which was made so many times.
        last_at timestamptz NOT NULL,
        times   integer NOT NULL DEFAULT 1,
        action  text NOT NULL CHECK (action IN ('none', 'offload', 'recall')),
        code    text NOT NULL,
        urgent  boolean NOT NULL,
        reason  text NOT NULL,
        moves   jsonb NOT NULL,
        memory  jsonb NOT NULL
      )`);
    await runner.query('CREATE INDEX decisions_by_age ON decisions (last_at)');
    await runner.query(`
      CREATE TABLE turns (
        name  text PRIMARY KEY,
        -- Of several managers the one that holds this decides.
        held_by text NOT NULL,
        until timestamptz NOT NULL
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE turns, decisions');
  }
}
