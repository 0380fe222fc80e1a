import type { MigrationInterface, QueryRunner } from '@purser/database';

/**
 * What a task may look like is held here, not only in code: a running task has exactly one open session and a lease, a
 * finished one says when, a failed one says why, nothing comes back from the dead, and epochs only grow.
 * What strangers wrote is `json`, not `jsonb`: jsonb refuses the escape of U+0000, which is valid JSON.
 */
export class CreateTasks1700000001000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(TASKS);
    await runner.query(SESSIONS);
    await runner.query(DEPENDENCIES);
    await runner.query(GUARD);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE tasks DROP CONSTRAINT running_session_exists');
    await runner.query('DROP TABLE task_dependencies, sessions, tasks');
    await runner.query('DROP FUNCTION guard_task()');
  }
}

const TASKS = `
  CREATE TABLE tasks (
    id                text PRIMARY KEY CHECK (id ~ '^[A-Za-z0-9_-]{1,64}$'),
    seq               bigint GENERATED ALWAYS AS IDENTITY UNIQUE,

    executor          text NOT NULL,
    input             json NOT NULL,
    input_bytes       integer NOT NULL,
    priority          smallint NOT NULL CHECK (priority BETWEEN 0 AND 9),
    depends_on        text[] NOT NULL,
    labels            text[] NOT NULL,
    project           text,
    limits            json NOT NULL,
    budget_nano       bigint CHECK (budget_nano >= 0),
    max_sessions      integer NOT NULL CHECK (max_sessions > 0),
    retries           integer NOT NULL CHECK (retries >= 0),
    not_before        timestamptz,
    deadline          timestamptz,

    state             text NOT NULL
                      CHECK (state IN ('blocked', 'ready', 'running', 'paused', 'completed', 'failed', 'cancelled')),
    -- Until the watchdog has the task's own budget no session may start: its calls would not be limited.
    budget_ready      boolean NOT NULL CHECK (budget_ready OR budget_nano IS NOT NULL),
    -- A while after its end.
    budget_deleted    boolean NOT NULL DEFAULT false CHECK (NOT budget_deleted OR finished_at IS NOT NULL),
    -- Not handed out before: the caller's notBefore, or the backoff after a failure.
    available_at      timestamptz NOT NULL DEFAULT '-infinity',
    epoch             integer NOT NULL DEFAULT 0 CHECK (epoch >= 0),
    session_id        text UNIQUE,
    runner            text,
    lease_until       timestamptz,
    cancel_requested  boolean NOT NULL DEFAULT false,
    paused_reason     text,

    -- Sessions that count against max_sessions: all but the released ones.
    sessions_used     integer NOT NULL DEFAULT 0,
    failures          integer NOT NULL DEFAULT 0,
    lost_in_a_row     integer NOT NULL DEFAULT 0,
    unchanged_in_a_row integer NOT NULL DEFAULT 0,

    checkpoint_epoch  integer,
    checkpoint_number integer,
    checkpoint_digest text,
    -- The digest when the running session began: what its own last one is compared with.
    start_digest      text,

    progress          json,
    progress_told     boolean NOT NULL DEFAULT true,
    progress_told_at  timestamptz NOT NULL DEFAULT '-infinity',
    result            json,
    error             json,

    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    finished_at       timestamptz,

    CONSTRAINT running_has_a_lease CHECK (
      CASE WHEN state = 'running'
        THEN session_id IS NOT NULL AND runner IS NOT NULL AND lease_until IS NOT NULL AND epoch > 0 AND budget_ready
        ELSE session_id IS NULL AND runner IS NULL AND lease_until IS NULL AND NOT cancel_requested
      END),
    CONSTRAINT finished_says_when CHECK ((state IN ('completed', 'failed', 'cancelled')) = (finished_at IS NOT NULL)),
    CONSTRAINT failed_says_why CHECK ((state = 'failed') = (error IS NOT NULL)),
    CONSTRAINT paused_says_why CHECK ((state = 'paused') = (paused_reason IS NOT NULL)),
    CONSTRAINT completed_has_a_result CHECK ((state = 'completed') = (result IS NOT NULL)),
    CONSTRAINT used_sessions_existed CHECK (sessions_used <= epoch)
  );
  -- The order of claims. Those that wait (a backoff, a budget) are skipped over in it.
  CREATE INDEX tasks_ready ON tasks (priority DESC, seq) WHERE state = 'ready';
  -- Without lease_until, so that heartbeats stay heap-only updates; running tasks are few.
  CREATE INDEX tasks_running ON tasks (seq) WHERE state = 'running';
  CREATE INDEX tasks_blocked ON tasks (seq) WHERE state = 'blocked';
  CREATE INDEX tasks_paused ON tasks (seq) WHERE state = 'paused';
  CREATE INDEX tasks_due ON tasks (deadline) WHERE deadline IS NOT NULL AND state IN ('blocked', 'ready', 'paused');
  CREATE INDEX tasks_without_budget ON tasks (seq) WHERE NOT budget_ready AND finished_at IS NULL;
  CREATE INDEX tasks_with_old_budget ON tasks (finished_at)
    WHERE finished_at IS NOT NULL AND budget_nano IS NOT NULL AND NOT budget_deleted;
  CREATE INDEX tasks_by_state ON tasks (state, seq DESC);
  CREATE INDEX tasks_by_label ON tasks USING gin (labels);
`;

const SESSIONS = `
  CREATE TABLE sessions (
    id                text PRIMARY KEY,
    task_id           text NOT NULL REFERENCES tasks (id),
    epoch             integer NOT NULL CHECK (epoch > 0),
    runner            text NOT NULL,
    claim_request_id  text NOT NULL,
    finish_request_id text UNIQUE,
    outcome           text CHECK (outcome IN ('completed', 'failed', 'continued', 'released', 'lost')),
    reason            text,
    -- The task's state after it: the answer to a finish that is asked again.
    state_after       text,
    started_at        timestamptz NOT NULL DEFAULT now(),
    ended_at          timestamptz,
    UNIQUE (task_id, epoch),
    CONSTRAINT ended_says_how CHECK (
      (ended_at IS NULL) = (outcome IS NULL) AND (ended_at IS NULL) = (state_after IS NULL))
  );
  CREATE UNIQUE INDEX one_open_session ON sessions (task_id) WHERE ended_at IS NULL;
  CREATE INDEX sessions_by_claim ON sessions (claim_request_id);
  -- Deferred: a claim raises the task and opens the session in one statement.
  ALTER TABLE tasks ADD CONSTRAINT running_session_exists
    FOREIGN KEY (session_id) REFERENCES sessions (id) DEFERRABLE INITIALLY DEFERRED;
`;

const DEPENDENCIES = `
  CREATE TABLE task_dependencies (
    task_id    text NOT NULL REFERENCES tasks (id),
    depends_on text NOT NULL REFERENCES tasks (id),
    PRIMARY KEY (task_id, depends_on),
    CHECK (task_id <> depends_on)
  );
  CREATE INDEX dependents ON task_dependencies (depends_on);
`;

const GUARD = `
  CREATE FUNCTION guard_task() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF OLD.finished_at IS NOT NULL AND NEW.state <> OLD.state THEN
      RAISE EXCEPTION 'task % is % and stays so', OLD.id, OLD.state USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.epoch < OLD.epoch OR (NEW.session_id IS DISTINCT FROM OLD.session_id AND NEW.session_id IS NOT NULL
        AND NEW.epoch <> OLD.epoch + 1) THEN
      RAISE EXCEPTION 'task %: epoch % cannot follow %', OLD.id, NEW.epoch, OLD.epoch USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
  END $$;
  CREATE TRIGGER guard_task BEFORE UPDATE ON tasks FOR EACH ROW EXECUTE FUNCTION guard_task();
`;
