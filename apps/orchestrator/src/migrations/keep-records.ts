import type { MigrationInterface, QueryRunner } from '@purser/database';

/**
 * What tasks took, and what runners measured of their sessions. A task that ends is noted by a trigger, in the transaction
 * that ends it, whichever statement that is; its record is written a few seconds later, when the ledger has its last call.
 */
export class KeepRecords1700000005510 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(RECORDS);
    await runner.query(MEASURES);
    await runner.query(DUE);
    // Sessions are added in the order of their start: a few pages of index for any number of them, and no work per row.
    await runner.query(
      'CREATE INDEX sessions_by_start ON sessions USING brin (started_at) WITH (pages_per_range = 32)',
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX sessions_by_start');
    await runner.query('DROP TRIGGER note_end_of_task ON tasks');
    await runner.query('DROP FUNCTION note_end_of_task()');
    await runner.query('DROP TABLE records_due, session_measures, task_records');
  }
}

const RECORDS = `
  CREATE TABLE task_records (
    task_id        text PRIMARY KEY,
    seq            bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    -- Of tasks that are alike: executor, labels and project.
    kind           text NOT NULL,
    executor       text NOT NULL,
    labels         text[] NOT NULL,
    project        text,
    outcome        text NOT NULL CHECK (outcome IN ('completed', 'failed', 'cancelled')),
    created_at     timestamptz NOT NULL,
    finished_at    timestamptz NOT NULL,
    first_start_ms bigint,
    worked_ms      bigint NOT NULL,
    sessions       integer NOT NULL,
    runners        text[] NOT NULL,
    requests       bigint NOT NULL,
    input_tokens   bigint NOT NULL,
    output_tokens  bigint NOT NULL,
    usd_nano       bigint NOT NULL,
    models         json NOT NULL,
    grade          double precision CHECK (grade BETWEEN 0 AND 1),
    grade_why      text,
    -- Null when nobody was to grade it.
    grade_by       text
  );
  CREATE INDEX task_records_alike ON task_records (kind, seq DESC) WHERE outcome = 'completed';
  CREATE INDEX task_records_by_end ON task_records (finished_at);
`;

const MEASURES = `
  CREATE TABLE session_measures (
    task_id                text NOT NULL,
    epoch                  integer NOT NULL,
    seconds                double precision NOT NULL,
    tokens                 bigint,
    first_progress_seconds double precision,
    first_progress_tokens  bigint,
    unsaved_seconds        double precision NOT NULL,
    unsaved_tokens         bigint,
    killed                 boolean NOT NULL,
    -- There was a checkpoint for it to go on from.
    expected               boolean NOT NULL,
    resumed_epoch          integer,
    resumed_number         integer,
    resumed_at             timestamptz,
    resumed_intact         boolean,
    grade                  double precision,
    grade_why              text,
    grade_by               text,
    PRIMARY KEY (task_id, epoch)
  );
`;

const DUE = `
  CREATE TABLE records_due (
    seq     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    task_id text NOT NULL,
    at      timestamptz NOT NULL DEFAULT now()
  );
  CREATE FUNCTION note_end_of_task() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    INSERT INTO records_due (task_id) VALUES (NEW.id);
    RETURN NULL;
  END $$;
  CREATE TRIGGER note_end_of_task AFTER UPDATE ON tasks FOR EACH ROW
    WHEN (OLD.finished_at IS NULL AND NEW.finished_at IS NOT NULL) EXECUTE FUNCTION note_end_of_task();
`;
