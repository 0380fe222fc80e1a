import type { MigrationInterface, QueryRunner } from '@purser/database';

/** What platforms have with this installation's label that no VM of its records claims: billed and deleted all the same. */
export class CreateStrays1700000006001 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE strays (
        -- Follows from what it is, so that two looks at one thing are one row.
        id           text PRIMARY KEY,
        provider     text NOT NULL,
        kind         text NOT NULL CHECK (kind IN ('vm', 'disk', 'address')),
        name         text NOT NULL,
        zone         text NOT NULL,
        machine_type text,
        spot         boolean NOT NULL,
        disk_gb      integer NOT NULL,
        running      boolean NOT NULL,
        created_at   timestamptz NOT NULL,
        first_seen_at timestamptz NOT NULL,
        -- When a reaper decided that it goes; null while it is only watched.
        reaped_at    timestamptz,
        gone_at      timestamptz,
        reason       text NOT NULL,
        cost_nano    bigint NOT NULL DEFAULT 0,
        billed_until timestamptz NOT NULL
      )`);
    await runner.query('CREATE INDEX strays_open ON strays (first_seen_at) WHERE gone_at IS NULL');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE strays');
  }
}
