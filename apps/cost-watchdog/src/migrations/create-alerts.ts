import type { MigrationInterface, QueryRunner } from '@purser/database';

/** What fires and what is over; whom it is to be told by, what was sent, and how the channels do. */
export class CreateAlerts1700000003300 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE alerts (
        id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        fingerprint   text NOT NULL,
        -- What has levels; without levels it is the fingerprint.
        topic         text NOT NULL,
        period        text NOT NULL,
        rank          integer NOT NULL,
        severity      text NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
        kind          text NOT NULL,
        title         text NOT NULL,
        details       jsonb NOT NULL,
        -- Until somebody says that it is over; otherwise it is over when it was not raised again for a while.
        lasts         boolean NOT NULL,
        state         text NOT NULL DEFAULT 'firing' CHECK (state IN ('firing', 'resolved')),
        silenced      boolean NOT NULL,
        count         integer NOT NULL DEFAULT 1,
        fired_at      timestamptz NOT NULL,
        -- Of the last firing: the cooldown runs from here.
        last_fired_at timestamptz NOT NULL,
        last_at       timestamptz NOT NULL,
        resolved_at   timestamptz,
        resolution    text,
        CHECK ((state = 'resolved') = (resolved_at IS NOT NULL))
      )`);
    await runner.query(`CREATE UNIQUE INDEX alerts_open ON alerts (fingerprint) WHERE state = 'firing'`);
    await runner.query(`CREATE INDEX alerts_open_topics ON alerts (topic) WHERE state = 'firing'`);
    // When it fired last, in an earlier life too.
    await runner.query('CREATE INDEX alerts_by_fingerprint ON alerts (fingerprint, last_fired_at)');
    await runner.query(`
      CREATE TABLE channels (
        name           text PRIMARY KEY,
        use            text NOT NULL,
        single         boolean NOT NULL,
        reports        boolean NOT NULL,
        quiet          boolean NOT NULL,
        least_severity integer NOT NULL,
        -- A watchdog that has it says so again and again.
        seen_at        timestamptz NOT NULL,
        failures       integer NOT NULL DEFAULT 0,
        last_error     text,
        last_sent_at   timestamptz,
        dead_since     timestamptz,
        -- Why it could not be loaded.
        unusable       text
      )`);
    await this.createDeliveries(runner);
    await runner.query(`
      CREATE TABLE daily_reports (
        -- The day that it tells of, in the time zone of reports.
        day     date PRIMARY KEY,
        made_at timestamptz NOT NULL
      )`);
  }

  private async createDeliveries(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE deliveries (
        id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        channel     text NOT NULL,
        fingerprint text NOT NULL,
        notice      jsonb NOT NULL,
        state       text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'sent', 'given_up')),
        -- Counts those that were begun; it is the epoch of the one that is under way.
        attempts    integer NOT NULL DEFAULT 0,
        -- While one is under way: when it counts as lost.
        next_at     timestamptz NOT NULL,
        last_error  text,
        created_at  timestamptz NOT NULL,
        ended_at    timestamptz
      )`);
    // Asked for every few seconds, and again for what is to be sent before it.
    await runner.query(`CREATE INDEX deliveries_pending ON deliveries (channel, next_at) WHERE state = 'pending'`);
    // Shown with each channel; and how many there were lately.
    await runner.query(`CREATE INDEX deliveries_not_sent ON deliveries (channel) WHERE state <> 'sent'`);
    await runner.query('CREATE INDEX deliveries_made ON deliveries (channel, created_at)');
    await runner.query(`
      CREATE TABLE tellings (
        id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        alert_id    bigint NOT NULL REFERENCES alerts,
        channel     text NOT NULL,
        state       text NOT NULL CHECK (state IN ('firing', 'resolved')),
        due_at      timestamptz NOT NULL,
        -- Null until it is part of a notice.
        delivery_id bigint REFERENCES deliveries
      )`);
    await runner.query('CREATE INDEX tellings_of_alert ON tellings (alert_id)');
    await runner.query('CREATE INDEX tellings_due ON tellings (channel, due_at) WHERE delivery_id IS NULL');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE daily_reports, tellings, deliveries, channels, alerts');
  }
}
