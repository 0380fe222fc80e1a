import type { MigrationInterface, QueryRunner } from '@purser/database';

/** What people released of the leases of lost gateways; see ADR 0004. */
export class CreateLeaseReleases1700000003006 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE lease_releases (
        seq         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        gateway     text NOT NULL,
        window_id   bigint NOT NULL REFERENCES windows,
        amount_nano bigint NOT NULL CHECK (amount_nano > 0),
        lost_since  timestamptz NOT NULL,
        by          text NOT NULL,
        reason      text NOT NULL,
        at          timestamptz NOT NULL
      )`);
    await runner.query(`
      ALTER TABLE leases
        -- Released, and neither known to be consumed nor returned: it becomes one of them when the gateway is back and says.
        ADD COLUMN released_nano bigint NOT NULL DEFAULT 0 CHECK (released_nano >= 0),
        -- The last release: nothing is granted to a gateway that does not know of it.
        ADD COLUMN release_seq bigint NOT NULL DEFAULT 0,
        ADD COLUMN presumed_since timestamptz,
        DROP CONSTRAINT leases_not_overdrawn`);
    await runner.query('UPDATE leases SET presumed_since = now() WHERE presumed');
    await runner.query('DROP INDEX leases_open');
    await runner.query(`
      ALTER TABLE leases
        -- Set aside in the window for this gateway.
        ADD COLUMN outstanding_nano bigint NOT NULL
          GENERATED ALWAYS AS (granted_nano - returned_nano - consumed_nano - released_nano) STORED,
        ADD CONSTRAINT leases_not_overdrawn CHECK (granted_nano >= returned_nano + consumed_nano + released_nano),
        ADD CONSTRAINT leases_presumed_since CHECK (NOT presumed OR presumed_since IS NOT NULL)`);
    await runner.query('CREATE INDEX leases_open ON leases (window_id) WHERE NOT presumed AND outstanding_nano > 0');
  }

  async down(runner: QueryRunner): Promise<void> {
    // What was released counts as returned, which is what it is for its window.
    await runner.query('UPDATE leases SET returned_nano = returned_nano + released_nano, released_nano = 0');
    await runner.query('DROP INDEX leases_open');
    await runner.query(`
      ALTER TABLE leases
        DROP CONSTRAINT leases_presumed_since, DROP CONSTRAINT leases_not_overdrawn,
        DROP COLUMN outstanding_nano, DROP COLUMN released_nano, DROP COLUMN release_seq, DROP COLUMN presumed_since,
        ADD CONSTRAINT leases_not_overdrawn CHECK (granted_nano >= returned_nano + consumed_nano)`);
    await runner.query(
      'CREATE INDEX leases_open ON leases (window_id) WHERE NOT presumed AND granted_nano > returned_nano + consumed_nano',
    );
    await runner.query('DROP TABLE lease_releases');
  }
}
