import type { MigrationInterface, QueryRunner } from '@purser/database';

/** What this installation wants of platforms, written down before anything is called. */
export class CreateVms1700000006000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE installation (
        one boolean PRIMARY KEY DEFAULT true CHECK (one),
        -- On every label: what platforms are searched for.
        id  uuid NOT NULL DEFAULT gen_random_uuid()
      )`);
    await runner.query('INSERT INTO installation DEFAULT VALUES');
    await runner.query(`
      CREATE TABLE vms (
        id           text PRIMARY KEY,
        name         text NOT NULL UNIQUE,
        -- The same at every repetition of the call in one zone.
        request_id   uuid NOT NULL,
        provider     text NOT NULL,
        zone         text,
        machine_type text NOT NULL,
        spot         boolean NOT NULL,
        memory_mb    integer NOT NULL,
        disk_gb      integer NOT NULL,
        component    text NOT NULL,
        -- Without secrets: these are made when it is created.
        startup      jsonb NOT NULL,
        state        text NOT NULL CHECK (state IN ('requested', 'creating', 'ready', 'draining', 'deleting', 'gone')),
        reason       text NOT NULL,
        requested_at timestamptz NOT NULL,
        -- When the state was entered.
        since        timestamptz NOT NULL,
        -- The last call that may make it exist.
        called_at    timestamptz,
        created_at   timestamptz,
        ready_at     timestamptz,
        heard_at     timestamptz,
        expires_at   timestamptz NOT NULL,
        gone_at      timestamptz,
        -- The lease of its whole lifetime: \`asked\` means that it may have been granted.
        lease        text NOT NULL CHECK (lease IN ('none', 'asked', 'held', 'returned')),
        lease_asked_at timestamptz,
        held_nano    bigint NOT NULL DEFAULT 0 CHECK (held_nano >= 0),
        windows      text[] NOT NULL DEFAULT '{}',
        -- What has been told to the ledger, and up to when.
        cost_nano    bigint NOT NULL DEFAULT 0,
        billed_until timestamptz,
        rev          integer NOT NULL DEFAULT 0,
        CHECK (state IN ('requested', 'gone') OR zone IS NOT NULL),
        CHECK ((state = 'gone') = (gone_at IS NOT NULL))
      )`);
    await runner.query(
      `CREATE INDEX vms_open ON vms (requested_at) WHERE state <> 'gone' OR lease IN ('asked', 'held')`,
    );
    await runner.query('CREATE INDEX vms_by_request ON vms (requested_at)');
    // A row that has ended never begins again, and one that may have called never says that nothing was called.
    await runner.query(`
      CREATE FUNCTION check_vm_state() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        IF NEW.state <> OLD.state AND NOT (CASE OLD.state
             WHEN 'requested' THEN NEW.state IN ('creating', 'gone')
             WHEN 'creating' THEN NEW.state IN ('ready', 'deleting', 'gone')
             WHEN 'ready' THEN NEW.state IN ('draining', 'deleting', 'gone')
             WHEN 'draining' THEN NEW.state IN ('deleting', 'gone')
             WHEN 'deleting' THEN NEW.state = 'gone'
             ELSE false END) THEN
          RAISE EXCEPTION 'a VM that is % cannot become %', OLD.state, NEW.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'vm_state';
        END IF;
        RETURN NEW;
      END $$`);
    await runner.query(
      'CREATE TRIGGER check_vm_state BEFORE UPDATE OF state ON vms FOR EACH ROW EXECUTE FUNCTION check_vm_state()',
    );
    await runner.query(`
      CREATE TABLE bad_zones (
        provider     text NOT NULL,
        zone         text NOT NULL,
        machine_type text NOT NULL,
        spot         boolean NOT NULL,
        reason       text NOT NULL,
        until        timestamptz NOT NULL,
        PRIMARY KEY (provider, zone, machine_type, spot)
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE bad_zones, vms, installation');
    await runner.query('DROP FUNCTION check_vm_state()');
  }
}
