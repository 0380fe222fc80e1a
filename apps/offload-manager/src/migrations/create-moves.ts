import type { MigrationInterface, QueryRunner } from '@purser/database';

/** Users of the bus for VMs, what their agents say, where each component is, and how it gets from one place to another. */
export class CreateMoves1700000006200 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE vm_users (
        vm_id      text PRIMARY KEY,
        component  text NOT NULL,
        password   text NOT NULL,
        expires_at timestamptz NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now()
      )`);
    await runner.query(`
      CREATE TABLE vm_agents (
        vm_id         text PRIMARY KEY,
        component     text NOT NULL,
        -- What it is told: a place that is not to be asked any more finishes what it has.
        wish          text NOT NULL DEFAULT 'wait' CHECK (wish IN ('wait', 'serve')),
        wished_at     timestamptz NOT NULL DEFAULT now(),
        heard_at      timestamptz,
        healthy       boolean NOT NULL DEFAULT false,
        serving       boolean NOT NULL DEFAULT false,
        in_flight     integer NOT NULL DEFAULT 0,
        memory_mb     double precision,
        preemption_at timestamptz
      )`);
    await runner.query(`
      CREATE TABLE component_places (
        component   text PRIMARY KEY,
        -- The VM that serves it; null while it is at home.
        vm_id       text,
        -- Whether the managers take its requests for the place at home; both do while a move passes them on.
        serve_local boolean NOT NULL,
        since       timestamptz NOT NULL DEFAULT now()
      )`);
    await runner.query(`
      CREATE TABLE local_servings (
        component text NOT NULL,
        instance  text NOT NULL,
        seen_at   timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (component, instance)
      )`);
    await runner.query(`
      CREATE TABLE moves (
        id            text PRIMARY KEY,
        component     text NOT NULL,
        direction     text NOT NULL CHECK (direction IN ('to_vm', 'home')),
        step          text NOT NULL CHECK (step IN ('starting', 'healthy', 'routed', 'stopping', 'done', 'failed')),
        machine_type  text,
        spot          boolean,
        vm_id         text,
        -- The component as it was: one whose container is stopped is not found any more.
        definition    jsonb NOT NULL,
        reason        text NOT NULL,
        error         text,
        created_at    timestamptz NOT NULL DEFAULT now(),
        step_at       timestamptz NOT NULL DEFAULT now(),
        claimed_by    text,
        claimed_until timestamptz
      )`);
    // One at a time for each component.
    await runner.query(`CREATE UNIQUE INDEX moves_open ON moves (component) WHERE step NOT IN ('done', 'failed')`);
    await runner.query('CREATE INDEX moves_by_time ON moves (created_at)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE moves, local_servings, component_places, vm_agents, vm_users');
  }
}
