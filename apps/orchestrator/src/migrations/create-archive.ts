import type { MigrationInterface, QueryRunner } from '@purser/database';

/**
 * Tasks that ended long ago, whole: `task` is the row, packed, and `sessions` its sessions. An id in the archive is
 * taken, as one in `tasks` is: whoever inserts it again finds the old task back in its place. That is held here, so that
 * no statement that stores tasks needs to know of it.
 */
export class CreateArchive1700000005303 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE archived_tasks (
        id          text PRIMARY KEY,
        task        json NOT NULL,
        sessions    json NOT NULL,
        archived_at timestamptz NOT NULL DEFAULT now(),
        -- No longer in tasks. Copied first, and removed a while later: see retention.repository.ts.
        removed     boolean NOT NULL DEFAULT false,
        -- The runners have deleted what its sessions left.
        forgotten   boolean NOT NULL DEFAULT false CHECK (removed OR NOT forgotten)
      )`);
    await runner.query('CREATE INDEX archive_to_remove ON archived_tasks (archived_at) WHERE NOT removed');
    await runner.query(
      'CREATE INDEX archive_to_forget ON archived_tasks (archived_at) WHERE removed AND NOT forgotten',
    );
    for (const statement of [PACK, READ, RESTORE, GUARD]) await runner.query(statement);
    await runner.query(`
      CREATE TRIGGER find_archived_task BEFORE INSERT ON tasks FOR EACH ROW EXECUTE FUNCTION find_archived_task()`);
    // A fifth of what a row costs that is stored with thousands of others: not until there is something to find.
    await runner.query('ALTER TABLE tasks DISABLE TRIGGER find_archived_task');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TRIGGER find_archived_task ON tasks');
    await runner.query(
      'DROP FUNCTION find_archived_task(), restore_task(text), archived_task(text), packed_task(text)',
    );
    await runner.query('DROP TABLE archived_tasks');
  }
}

const COLUMNS = `FROM pg_attribute WHERE attrelid = 'tasks'::regclass AND attnum > 0 AND NOT attisdropped`;

/**
 * A task's row as JSON. What is JSON already goes in as text: it may hold escapes (U+0000, half a surrogate pair) that
 * Postgres keeps in a json column and cannot take apart.
 */
const PACK = `
  CREATE FUNCTION packed_task(wanted text) RETURNS json LANGUAGE plpgsql STABLE AS $$
  DECLARE
    columns text;
    packed json;
  BEGIN
    SELECT string_agg(CASE WHEN atttypid = 'json'::regtype THEN format('%1$I::text AS %1$I', attname)
                           ELSE quote_ident(attname) END, ', ' ORDER BY attnum) INTO columns ${COLUMNS};
    EXECUTE format('SELECT row_to_json(x) FROM (SELECT %s FROM tasks WHERE id = $1) AS x', columns)
      INTO packed USING wanted;
    RETURN packed;
  END $$`;

const UNPACKED = `CASE WHEN atttypid = 'json'::regtype THEN format('(was.%I #>> ''{}'')::json', attname)
                       ELSE format('was.%I', attname) END`;

/** An archived task as a row of tasks. */
const READ = `
  CREATE FUNCTION archived_task(wanted text) RETURNS SETOF tasks LANGUAGE plpgsql STABLE AS $$
  DECLARE
    columns text;
  BEGIN
    SELECT string_agg(${UNPACKED}, ', ' ORDER BY attnum) INTO columns ${COLUMNS};
    RETURN QUERY EXECUTE format(
      'SELECT %s FROM archived_tasks a, json_populate_record(NULL::tasks, a.task) AS was WHERE a.id = $1 AND a.removed',
      columns) USING wanted;
  END $$`;

/**
 * Puts a task back as it was; false when it is not in the archive. What Postgres computes is computed again, and a column
 * that came later has its default. A parent comes back too; one that is gone for good is left out.
 */
const RESTORE = `
  CREATE FUNCTION restore_task(wanted text) RETURNS boolean LANGUAGE plpgsql AS $$
  DECLARE
    old archived_tasks;
    names text;
    columns text;
  BEGIN
    DELETE FROM archived_tasks WHERE id = wanted AND removed RETURNING * INTO old;
    IF NOT FOUND THEN
      RETURN false;
    END IF;
    PERFORM restore_task(old.task->>'parent_id');
    SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum), string_agg(${UNPACKED}, ', ' ORDER BY attnum)
      INTO names, columns ${COLUMNS}
      AND attgenerated = '' AND attname NOT IN ('parent_id', 'ancestors') AND old.task->attname::text IS NOT NULL;
    EXECUTE format(
      'INSERT INTO tasks (parent_id, ancestors, %s) OVERRIDING SYSTEM VALUE
       SELECT parent.id, CASE WHEN parent.id IS NULL THEN ''{}'' ELSE was.ancestors END, %s FROM json_populate_record(NULL::tasks, $1) AS was
         LEFT JOIN tasks parent ON parent.id = was.parent_id',
      names, columns) USING old.task;
    SELECT string_agg(quote_ident(attname), ', ') INTO names FROM pg_attribute
      WHERE attrelid = 'sessions'::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '';
    EXECUTE format('INSERT INTO sessions (%1$s) SELECT %1$s FROM json_populate_recordset(NULL::sessions, $1)', names)
      USING old.sessions;
    RETURN true;
  END $$`;

/** The row is left out then, as by ON CONFLICT DO NOTHING, and the old one is there to be compared with. */
const GUARD = `
  CREATE FUNCTION find_archived_task() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF EXISTS (SELECT 1 FROM archived_tasks WHERE id = NEW.id AND removed) THEN
      IF restore_task(NEW.id) THEN
        RETURN NULL;
      END IF;
    END IF;
    RETURN NEW;
  END $$`;
