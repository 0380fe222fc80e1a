import type { MigrationInterface, QueryRunner } from '@purser/database';

/** What others' books say was spent; see ADR 0015. All money in nano-dollars. */
export class CreateCostSources1700000003400 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE cost_sources (
        name          text PRIMARY KEY,
        -- Of several watchdogs the one that holds this asks; what it found is taken only while it does.
        leased_by     text,
        leased_until  timestamptz,
        epoch         bigint NOT NULL DEFAULT 0,
        due_at        timestamptz NOT NULL,
        since         timestamptz NOT NULL,
        asked_at      timestamptz,
        read_at       timestamptz,
        -- When all of the open period was last read, not only the days that change fast.
        whole_at      timestamptz,
        -- When anything in the books was last new.
        news_at       timestamptz,
        data_up_to    timestamptz,
        failures      integer NOT NULL DEFAULT 0,
        failing_since timestamptz,
        error         text,
        -- What people were told last: nothing, that it fails, or that it is stale.
        told          text CHECK (told IN ('failing', 'stale')),
        -- What a reading cost last: presumed of one whose watchdog died over it.
        last_own_nano bigint NOT NULL DEFAULT 0,
        -- From when on the gateway meters this provider, and up to where the ledger was searched for that.
        metered_since timestamptz,
        metered_seq   bigint NOT NULL DEFAULT 0
      )`);
    await runner.query(`
      CREATE TABLE reported_costs (
        source       text NOT NULL REFERENCES cost_sources,
        id           text NOT NULL,
        from_at      timestamptz NOT NULL,
        to_at        timestamptz NOT NULL CHECK (to_at > from_at),
        service      text NOT NULL,
        model        text,
        project      text,
        amount_nano  bigint NOT NULL,
        -- The part of it that is in the ledger, over all entries.
        counted_nano bigint NOT NULL,
        -- Counts those entries.
        revision     integer NOT NULL,
        finality     text NOT NULL CHECK (finality IN ('final', 'estimate')),
        changed_at   timestamptz NOT NULL,
        PRIMARY KEY (source, id)
      )`);
    await runner.query('CREATE INDEX reported_costs_by_day ON reported_costs (source, from_at)');
    await runner.query(`
      CREATE TABLE own_costs (
        source text NOT NULL REFERENCES cost_sources,
        epoch  bigint NOT NULL,
        at     timestamptz NOT NULL,
        nano   bigint NOT NULL CHECK (nano > 0),
        PRIMARY KEY (source, epoch)
      )`);
    await runner.query(`
      CREATE TABLE reconciliations (
        source        text NOT NULL REFERENCES cost_sources,
        -- A day ('2026-11-03') or a month ('2026-11'), UTC.
        period        text NOT NULL,
        metered_nano  bigint NOT NULL,
        reported_nano bigint NOT NULL,
        drifting      boolean NOT NULL,
        at            timestamptz NOT NULL,
        PRIMARY KEY (source, period)
      )`);
    // Books tell credits, too. Entries that are there already keep the stricter rule: no need to read them all.
    await runner.query('ALTER TABLE entries DROP CONSTRAINT entries_check');
    await runner.query(
      `ALTER TABLE entries ADD CONSTRAINT entries_negative CHECK (amount_nano >= 0 OR source <> 'metered') NOT VALID`,
    );
    await this.letCreditsPrevail(runner);
  }

  /** A window in which credits prevail counts less than nothing; still no more than its limit is ever granted. */
  private async letCreditsPrevail(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE windows DROP CONSTRAINT windows_settled_nano_check');
    await this.refuseOverdrawn(runner, 'greatest(NEW.settled_nano, 0)');
  }

  private async refuseOverdrawn(runner: QueryRunner, settled: string): Promise<void> {
    await runner.query(`
      CREATE OR REPLACE FUNCTION refuse_overdrawn_window() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        IF NEW.leased_nano > OLD.leased_nano AND ${settled} + NEW.leased_nano > NEW.limit_nano THEN
          RAISE EXCEPTION 'window % of budget %: settled % + leased % would pass the limit %',
            NEW.id, NEW.budget_id, NEW.settled_nano, NEW.leased_nano, NEW.limit_nano
            USING ERRCODE = 'check_violation', CONSTRAINT = 'windows_not_overdrawn';
        END IF;
        RETURN NEW;
      END $$`);
  }

  async down(runner: QueryRunner): Promise<void> {
    // The functions and constraints of before hold again for what comes; credits that are there stay.
    await runner.query('ALTER TABLE entries DROP CONSTRAINT entries_negative');
    await runner.query(
      `ALTER TABLE entries ADD CONSTRAINT entries_check CHECK (amount_nano >= 0 OR source = 'correction') NOT VALID`,
    );
    await runner.query(
      'ALTER TABLE windows ADD CONSTRAINT windows_settled_nano_check CHECK (settled_nano >= 0) NOT VALID',
    );
    await this.refuseOverdrawn(runner, 'NEW.settled_nano');
    await runner.query('DROP TABLE reconciliations, own_costs, reported_costs, cost_sources');
  }
}
