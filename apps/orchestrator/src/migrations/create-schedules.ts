import type { MigrationInterface, QueryRunner } from '@purser/database';

/**
 * `cursor_at`: what lies up to here is decided, fired or not. A fire has one row by its schedule and time, written in the
 * transaction that writes its task. A fire is `open` until its task is seen to have ended, so that the few which matter for
 * overlaps are found whatever the length of the history. Its task may be archived, so nothing refers to it.
 */
export class CreateSchedules1700000005400 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE schedules (
        id            text PRIMARY KEY CHECK (id ~ '^[A-Za-z0-9_-]{1,40}$'),
        spec          json NOT NULL,
        anchor_at     timestamptz NOT NULL,
        cursor_at     timestamptz NOT NULL,
        next_at       timestamptz,
        paused_reason text,
        missed        bigint NOT NULL DEFAULT 0,
        created_at    timestamptz NOT NULL,
        updated_at    timestamptz NOT NULL,
        CONSTRAINT next_after_cursor CHECK (next_at > cursor_at)
      )`);
    await runner.query(`
      CREATE INDEX schedules_due ON schedules (next_at) WHERE paused_reason IS NULL AND next_at IS NOT NULL`);
    await runner.query(`
      CREATE TABLE schedule_fires (
        schedule_id text NOT NULL REFERENCES schedules (id) ON DELETE CASCADE,
        fire_at     timestamptz NOT NULL,
        outcome     text NOT NULL CHECK (outcome IN ('fired', 'skipped', 'refused')),
        task_id     text,
        reason      text,
        manual      boolean NOT NULL,
        fired_at    timestamptz NOT NULL,
        open        boolean NOT NULL,
        PRIMARY KEY (schedule_id, fire_at),
        CONSTRAINT fired_has_a_task CHECK ((outcome = 'fired') = (task_id IS NOT NULL)),
        CONSTRAINT open_has_a_task CHECK (NOT open OR task_id IS NOT NULL)
      )`);
    await runner.query('CREATE INDEX open_fires ON schedule_fires (schedule_id) WHERE open');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE schedule_fires, schedules');
  }
}
