import type { MigrationInterface, QueryRunner } from '@purser/database';

/** Definitions, their windows, and the slices of windows that gateways hold. All money in nano-dollars. */
export class CreateBudgets1700000003000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE budgets (
        id             text PRIMARY KEY,
        scope_provider text,
        scope_project  text,
        scope_key      text,
        scope_task     text,
        period         text NOT NULL CHECK (period IN ('day', 'week', 'month', 'total', 'hours')),
        hours          integer CHECK (hours > 0),
        timezone       text NOT NULL,
        limit_nano     bigint NOT NULL CHECK (limit_nano >= 0),
        warning        numeric NOT NULL,
        critical       numeric NOT NULL,
        cutoff         numeric NOT NULL,
        -- What paid calls may spend in a window.
        cutoff_nano    bigint NOT NULL GENERATED ALWAYS AS (floor(limit_nano * cutoff)::bigint) STORED,
        on_exhausted   text NOT NULL CHECK (on_exhausted IN ('free', 'block', 'shutdown')),
        origin         text NOT NULL CHECK (origin IN ('config', 'set')),
        -- What config/budgets.json said when it was last applied; null for budgets that are not in it.
        file_content   jsonb,
        -- Counts the changes of scope, period and time zone: windows of an older shape are history.
        shape          integer NOT NULL DEFAULT 1,
        created_at     timestamptz NOT NULL,
        updated_at     timestamptz NOT NULL,
        deleted_at     timestamptz,
        CHECK ((period = 'hours') = (hours IS NOT NULL))
      )`);
    // Every settled attempt asks for the budgets without a task and for those of its own task.
    await runner.query('CREATE INDEX budgets_by_task ON budgets (scope_task) WHERE deleted_at IS NULL');
    // Asked again and again: whose window is over.
    await runner.query(`CREATE INDEX budgets_that_roll ON budgets (id) WHERE deleted_at IS NULL AND period <> 'total'`);
    await runner.query(`
      CREATE TABLE budget_changes (
        seq       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        budget_id text NOT NULL REFERENCES budgets,
        by        text NOT NULL,
        reason    text NOT NULL,
        before    jsonb,
        after     jsonb,
        at        timestamptz NOT NULL
      )`);
    await runner.query('CREATE INDEX budget_changes_of_budget ON budget_changes (budget_id, seq)');
    // One row, not a sequence: its lock makes revisions commit in order, so a snapshot at N holds every change up to N.
    await runner.query(`
      CREATE TABLE budgets_revision (
        one   boolean PRIMARY KEY DEFAULT true CHECK (one),
        value bigint NOT NULL
      )`);
    await runner.query('INSERT INTO budgets_revision (value) VALUES (1)');
    await this.createWindows(runner);
    await this.createLeases(runner);
  }

  private async createWindows(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE windows (
        id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        budget_id    text NOT NULL REFERENCES budgets,
        shape        integer NOT NULL,
        starts_at    timestamptz NOT NULL,
        ends_at      timestamptz CHECK (ends_at > starts_at),
        -- What may be granted: the budget's limit times its cutoff.
        limit_nano   bigint NOT NULL CHECK (limit_nano >= 0),
        settled_nano bigint NOT NULL CHECK (settled_nano >= 0),
        leased_nano  bigint NOT NULL DEFAULT 0 CHECK (leased_nano >= 0),
        level        text NOT NULL CHECK (level IN ('ok', 'warning', 'critical', 'exhausted')),
        -- A call that would fit into an empty window was refused while the level was critical.
        used_up      boolean NOT NULL DEFAULT false,
        touched_at   timestamptz NOT NULL,
        UNIQUE (budget_id, shape, starts_at)
      )`);
    // The invariant of the whole product, where no defect in a service can get around it.
    await runner.query(`
      CREATE FUNCTION refuse_overdrawn_window() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        IF NEW.leased_nano > OLD.leased_nano AND NEW.settled_nano + NEW.leased_nano > NEW.limit_nano THEN
          RAISE EXCEPTION 'window % of budget %: settled % + leased % would pass the limit %',
            NEW.id, NEW.budget_id, NEW.settled_nano, NEW.leased_nano, NEW.limit_nano
            USING ERRCODE = 'check_violation', CONSTRAINT = 'windows_not_overdrawn';
        END IF;
        RETURN NEW;
      END $$`);
    await runner.query(`
      CREATE TRIGGER windows_not_overdrawn BEFORE UPDATE ON windows
      FOR EACH ROW EXECUTE FUNCTION refuse_overdrawn_window()`);
  }

  private async createLeases(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE leases (
        gateway       text NOT NULL,
        window_id     bigint NOT NULL REFERENCES windows,
        granted_nano  bigint NOT NULL DEFAULT 0,
        returned_nano bigint NOT NULL DEFAULT 0 CHECK (returned_nano >= 0),
        consumed_nano bigint NOT NULL DEFAULT 0 CHECK (consumed_nano >= 0),
        presumed      boolean NOT NULL DEFAULT false,
        last_seen     timestamptz NOT NULL,
        PRIMARY KEY (gateway, window_id),
        CONSTRAINT leases_not_overdrawn CHECK (granted_nano >= returned_nano + consumed_nano)
      )`);
    await runner.query('CREATE INDEX leases_of_window ON leases (window_id)');
    // Looked for again and again.
    await runner.query('CREATE INDEX leases_presumed ON leases (gateway) WHERE presumed');
    await runner.query(
      'CREATE INDEX leases_open ON leases (window_id) WHERE NOT presumed AND granted_nano > returned_nano + consumed_nano',
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE leases, windows, budgets_revision, budget_changes, budgets');
    await runner.query('DROP FUNCTION refuse_overdrawn_window');
  }
}
