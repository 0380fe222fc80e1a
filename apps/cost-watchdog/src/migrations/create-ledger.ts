import type { MigrationInterface, QueryRunner } from '@purser/database';

/** What was spent: one row per attempt at a provider, never changed, never removed. */
export class CreateLedger1700000003001 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE entries (
        seq           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        attempt_id    text NOT NULL UNIQUE,
        call_id       text NOT NULL,
        gateway       text NOT NULL,
        provider      text NOT NULL,
        model         text NOT NULL,
        tier          text NOT NULL,
        capability    text,
        key           text,
        project       text,
        task          text,
        session       text,
        amount_nano   bigint NOT NULL,
        hold_nano     bigint NOT NULL CHECK (hold_nano >= 0),
        held_in       bigint[] NOT NULL,
        input_tokens  bigint NOT NULL,
        output_tokens bigint NOT NULL,
        cached_tokens bigint NOT NULL,
        usage_at      timestamptz NOT NULL,
        observed_at   timestamptz NOT NULL,
        source        text NOT NULL CHECK (source IN ('metered', 'reported', 'correction')),
        finality      text NOT NULL CHECK (finality IN ('final', 'presumed', 'estimate')),
        outcome       text NOT NULL CHECK (outcome IN ('ok', 'failed', 'cancelled', 'unknown')),
        latency_ms    bigint NOT NULL,
        CHECK (amount_nano >= 0 OR source = 'correction')
      )`);
    await runner.query('CREATE INDEX entries_by_usage ON entries (usage_at)');
    for (const field of ['task', 'session', 'key']) {
      await runner.query(`CREATE INDEX entries_by_${field} ON entries (${field}) WHERE ${field} IS NOT NULL`);
    }
    await runner.query(`
      CREATE FUNCTION refuse_change_of_ledger() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        RAISE EXCEPTION 'the ledger is append-only: add a correction instead';
      END $$`);
    await runner.query(`
      CREATE TRIGGER entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON entries
      FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_ledger()`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE entries');
    await runner.query('DROP FUNCTION refuse_change_of_ledger');
  }
}
