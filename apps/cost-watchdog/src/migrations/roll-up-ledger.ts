import type { MigrationInterface, QueryRunner } from '@purser/database';

/**
 * Sums of the ledger by hour, by day and in all, so that what people look at again and again does not grow with it.
 * docs/adr/0014-rollups-with-the-insert.md has the figures.
 */
export class RollUpLedger1700000003601 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const [table, unit] of [
      ['spend_hours', 'hour'],
      ['spend_days', 'day'],
    ] as const) {
      await runner.query(`
        CREATE TABLE ${table} (
          -- UTC, by the time of use.
          ${unit}         timestamptz NOT NULL,
          provider        text NOT NULL,
          model           text NOT NULL,
          -- Told by the provider's own account, not metered here: one does not add to the other.
          reported        boolean NOT NULL,
          amount_nano     bigint NOT NULL,
          -- Against the first paid tier.
          saved_nano      bigint NOT NULL,
          input_tokens    bigint NOT NULL,
          output_tokens   bigint NOT NULL,
          -- Calls that came to this model at this provider, however often they tried; and to this provider at all.
          model_calls     bigint NOT NULL,
          provider_calls  bigint NOT NULL,
          PRIMARY KEY (${unit}, provider, model, reported)
        ) WITH (fillfactor = 70)`);
    }
    await runner.query(`
      CREATE TABLE spend_totals (
        field         text NOT NULL CHECK (field IN ('task', 'session', 'key', 'project', 'provider')),
        id            text NOT NULL,
        amount_nano   bigint NOT NULL,
        reported_nano bigint NOT NULL,
        input_tokens  bigint NOT NULL,
        output_tokens bigint NOT NULL,
        calls         bigint NOT NULL,
        PRIMARY KEY (field, id)
      ) WITH (fillfactor = 70)`);
    // Whether an attempt is the first of its call.
    await runner.query(`CREATE INDEX entries_by_call ON entries (call_id) WHERE source = 'metered'`);
    // Pages of what belongs to one of them, newest first, without a look at all that does.
    await runner.query('CREATE INDEX entries_by_provider ON entries (provider, seq)');
    await runner.query('DROP INDEX entries_by_task, entries_by_session, entries_by_key');
    for (const field of ['project', 'task', 'session', 'key']) {
      await runner.query(`CREATE INDEX entries_by_${field} ON entries (${field}, seq) WHERE ${field} IS NOT NULL`);
    }
    await runner.query(`
      CREATE FUNCTION roll_up_entries() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        ${ROLL_UP}
        RETURN NULL;
      END $$`);
    await runner.query(`
      CREATE TRIGGER entries_rolled_up AFTER INSERT ON entries REFERENCING NEW TABLE AS added
      FOR EACH STATEMENT EXECUTE FUNCTION roll_up_entries()`);
    await this.takeOver(runner);
    await runner.query('ANALYZE spend_hours, spend_days, spend_totals');
  }

  /**
   * What is there already: each table in one pass over the entries, since ten million of them do not fit into memory. Few
   * calls have several attempts; only those are looked at to find the first of each.
   */
  private async takeOver(runner: QueryRunner): Promise<void> {
    await runner.query(`SET LOCAL work_mem = '128MB'`);
    await runner.query(`
      CREATE UNLOGGED TABLE later_attempts AS
      SELECT seq, row_number() OVER (PARTITION BY call_id ORDER BY seq) = 1 AS first_of_call,
             row_number() OVER (PARTITION BY call_id, provider ORDER BY seq) = 1 AS first_at_provider,
             row_number() OVER (PARTITION BY call_id, provider, model ORDER BY seq) = 1 AS first_at_model
        FROM (SELECT call_id FROM entries WHERE source = 'metered' GROUP BY call_id HAVING count(*) > 1) AS several
        JOIN entries USING (call_id) WHERE source = 'metered'`);
    const known = `(
      SELECT e.*, source = 'reported' AS reported, source = 'metered' AS metered,
             coalesce(l.first_of_call, true) AS first_of_call, coalesce(l.first_at_provider, true) AS first_at_provider,
             coalesce(l.first_at_model, true) AS first_at_model
        FROM entries e LEFT JOIN later_attempts l USING (seq)) AS noted`;
    await runner.query(`INSERT INTO spend_hours ${COLUMNS('hour')} ${SUMS('hour', known)}`);
    await runner.query(`
      INSERT INTO spend_days ${COLUMNS('day')}
      SELECT date_trunc('day', hour, 'UTC'), provider, model, reported, sum(amount_nano), sum(saved_nano), sum(input_tokens),
             sum(output_tokens), sum(model_calls), sum(provider_calls)
        FROM spend_hours GROUP BY 1, 2, 3, 4`);
    await runner.query(`INSERT INTO spend_totals ${TOTAL_COLUMNS} ${TOTALS(known)}`);
    await runner.query('DROP TABLE later_attempts');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TRIGGER entries_rolled_up ON entries');
    await runner.query('DROP FUNCTION roll_up_entries');
    await runner.query(
      'DROP INDEX entries_by_project, entries_by_provider, entries_by_call, entries_by_task, entries_by_session, entries_by_key',
    );
    for (const field of ['task', 'session', 'key']) {
      await runner.query(`CREATE INDEX entries_by_${field} ON entries (${field}) WHERE ${field} IS NOT NULL`);
    }
    await runner.query('DROP TABLE spend_totals, spend_days, spend_hours');
  }
}

const COLUMNS = (unit: string): string =>
  `(${unit}, provider, model, reported, amount_nano, saved_nano, input_tokens, output_tokens, model_calls, provider_calls)`;

/** Rows in the order of their keys, so that several writers wait for each other instead of getting stuck. */
const SUMS = (unit: string, noted: string): string => `
  SELECT date_trunc('${unit}', usage_at, 'UTC'), provider, model, reported, sum(amount_nano),
         sum(coalesce(first_paid_nano - amount_nano, 0)), sum(input_tokens), sum(output_tokens),
         count(*) FILTER (WHERE metered AND first_at_model), count(*) FILTER (WHERE metered AND first_at_provider)
    FROM ${noted} GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4`;

const TOTAL_COLUMNS = '(field, id, amount_nano, reported_nano, input_tokens, output_tokens, calls)';

/** Summed by all five fields first: entries are many, and those of one session agree in all of them. */
const TOTALS = (noted: string): string => `
  SELECT f.field, f.id, sum(amount), sum(reported), sum(input), sum(output),
         sum(CASE f.field WHEN 'provider' THEN at_provider ELSE calls END)
    FROM (SELECT task, session, key, project, provider,
                 coalesce(sum(amount_nano) FILTER (WHERE NOT reported), 0) AS amount,
                 coalesce(sum(amount_nano) FILTER (WHERE reported), 0) AS reported,
                 sum(input_tokens) AS input, sum(output_tokens) AS output,
                 count(*) FILTER (WHERE metered AND first_of_call) AS calls,
                 count(*) FILTER (WHERE metered AND first_at_provider) AS at_provider
            FROM ${noted} GROUP BY 1, 2, 3, 4, 5) AS together
   CROSS JOIN LATERAL (VALUES ('task', task), ('session', session), ('key', key), ('project', project),
                              ('provider', provider)) AS f(field, id)
   WHERE f.id IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2`;

const addToTime = (table: string, unit: string): string => `
  INSERT INTO ${table} AS t ${COLUMNS(unit)} ${SUMS(unit, 'noted')}
  ON CONFLICT (${unit}, provider, model, reported) DO UPDATE SET
    amount_nano = t.amount_nano + excluded.amount_nano, saved_nano = t.saved_nano + excluded.saved_nano,
    input_tokens = t.input_tokens + excluded.input_tokens, output_tokens = t.output_tokens + excluded.output_tokens,
    model_calls = t.model_calls + excluded.model_calls, provider_calls = t.provider_calls + excluded.provider_calls`;

/**
 * New entries, added to all three tables by one statement. An attempt is the first of its call when none of before, nor
 * of this very statement, belongs to the same one. A correction is of the kind of what it corrects.
 */
const ROLL_UP = `
  WITH noted AS MATERIALIZED (
    SELECT a.*, a.source = 'metered' AS metered,
           a.source = 'reported' OR (a.source = 'correction' AND EXISTS (
             SELECT FROM entries c WHERE c.attempt_id = a.corrects AND c.source = 'reported')) AS reported,
           NOT coalesce(before.of_call, false) AS first_of_call,
           NOT coalesce(before.at_provider, false) AS first_at_provider,
           NOT coalesce(before.at_model, false) AS first_at_model
      FROM added a
      LEFT JOIN LATERAL (
        SELECT true AS of_call, bool_or(p.provider = a.provider) AS at_provider,
               bool_or(p.provider = a.provider AND p.model = a.model) AS at_model
          FROM entries p WHERE p.call_id = a.call_id AND p.source = 'metered' AND p.seq < a.seq
        HAVING count(*) > 0) AS before ON a.source = 'metered'
  ), hours AS (${addToTime('spend_hours', 'hour')}
  ), days AS (${addToTime('spend_days', 'day')}
  )
  INSERT INTO spend_totals AS t ${TOTAL_COLUMNS} ${TOTALS('noted')}
  ON CONFLICT (field, id) DO UPDATE SET
    amount_nano = t.amount_nano + excluded.amount_nano, reported_nano = t.reported_nano + excluded.reported_nano,
    input_tokens = t.input_tokens + excluded.input_tokens, output_tokens = t.output_tokens + excluded.output_tokens,
    calls = t.calls + excluded.calls;`;
