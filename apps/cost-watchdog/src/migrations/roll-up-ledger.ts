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
    await runner.query('CREATE INDEX entries_by_call ON entries (call_id)');
    await runner.query('CREATE INDEX entries_by_provider ON entries (provider, seq)');
    await runner.query('CREATE INDEX entries_by_project ON entries (project, seq) WHERE project IS NOT NULL');
    await runner.query(`
      CREATE FUNCTION roll_up_entries() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        ${statements('added', '')}
        RETURN NULL;
      END $$`);
    await runner.query(`
      CREATE TRIGGER entries_rolled_up AFTER INSERT ON entries REFERENCING NEW TABLE AS added
      FOR EACH STATEMENT EXECUTE FUNCTION roll_up_entries()`);
    // What is there already. By all of it at once a window over calls is far cheaper than a look for each entry.
    await runner.query(statements('entries', FIRST_BY_WINDOWS));
    await runner.query('ANALYZE spend_hours, spend_days, spend_totals');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TRIGGER entries_rolled_up ON entries');
    await runner.query('DROP FUNCTION roll_up_entries');
    await runner.query('DROP INDEX entries_by_project, entries_by_provider, entries_by_call');
    await runner.query('DROP TABLE spend_totals, spend_days, spend_hours');
  }
}

/** Of new entries: whether one of before, or of this very statement, belongs to the same call. */
const FIRST_BY_LOOKS = `
  SELECT a.*,
         NOT coalesce(before.of_call, false) AS first_of_call,
         NOT coalesce(before.at_provider, false) AS first_at_provider,
         NOT coalesce(before.at_model, false) AS first_at_model
    FROM added a
    LEFT JOIN LATERAL (
      SELECT true AS of_call, bool_or(p.provider = a.provider) AS at_provider,
             bool_or(p.provider = a.provider AND p.model = a.model) AS at_model
        FROM entries p WHERE p.call_id = a.call_id AND p.seq < a.seq AND p.source = 'metered'
      HAVING count(*) > 0) AS before ON a.source = 'metered'`;

const FIRST_BY_WINDOWS = `
  SELECT e.*,
         row_number() OVER (PARTITION BY call_id, source ORDER BY seq) = 1 AS first_of_call,
         row_number() OVER (PARTITION BY call_id, source, provider ORDER BY seq) = 1 AS first_at_provider,
         row_number() OVER (PARTITION BY call_id, source, provider, model ORDER BY seq) = 1 AS first_at_model
    FROM entries e`;

/**
 * One statement for all three tables. Rows are written in the order of their keys, so that several writers wait for each
 * other instead of getting stuck.
 */
function statements(source: 'added' | 'entries', given: string): string {
  const byTime = (table: string, unit: string) => `
    INSERT INTO ${table} AS t (${unit}, provider, model, reported, amount_nano, saved_nano, input_tokens, output_tokens,
                               model_calls, provider_calls)
    SELECT date_trunc('${unit}', usage_at, 'UTC'), provider, model, reported, sum(amount_nano),
           sum(coalesce(first_paid_nano - amount_nano, 0)), sum(input_tokens), sum(output_tokens), count(*) FILTER (WHERE metered AND first_at_model),
           count(*) FILTER (WHERE metered AND first_at_provider)
      FROM noted GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
    ON CONFLICT (${unit}, provider, model, reported) DO UPDATE SET
      amount_nano = t.amount_nano + excluded.amount_nano, saved_nano = t.saved_nano + excluded.saved_nano,
      input_tokens = t.input_tokens + excluded.input_tokens, output_tokens = t.output_tokens + excluded.output_tokens,
      model_calls = t.model_calls + excluded.model_calls, provider_calls = t.provider_calls + excluded.provider_calls`;
  return `
    WITH told AS (${source === 'added' ? FIRST_BY_LOOKS : given}
    ), noted AS MATERIALIZED (
      SELECT told.*, told.source = 'metered' AS metered,
             -- A correction is of the kind of what it corrects.
             told.source = 'reported' OR (told.source = 'correction' AND EXISTS (
               SELECT FROM entries c WHERE c.attempt_id = told.corrects AND c.source = 'reported')) AS reported
        FROM told
    ), hours AS (${byTime('spend_hours', 'hour')}
    ), days AS (${byTime('spend_days', 'day')}
    )
    INSERT INTO spend_totals AS t (field, id, amount_nano, reported_nano, input_tokens, output_tokens, calls)
    SELECT f.field, f.id, coalesce(sum(amount_nano) FILTER (WHERE NOT reported), 0),
           coalesce(sum(amount_nano) FILTER (WHERE reported), 0), sum(input_tokens), sum(output_tokens),
           count(*) FILTER (WHERE metered AND CASE f.field WHEN 'provider' THEN first_at_provider ELSE first_of_call END)
      FROM noted
     CROSS JOIN LATERAL (VALUES ('task', task), ('session', session), ('key', key), ('project', project),
                                ('provider', provider)) AS f(field, id)
     WHERE f.id IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2
    ON CONFLICT (field, id) DO UPDATE SET
      amount_nano = t.amount_nano + excluded.amount_nano, reported_nano = t.reported_nano + excluded.reported_nano,
      input_tokens = t.input_tokens + excluded.input_tokens, output_tokens = t.output_tokens + excluded.output_tokens,
      calls = t.calls + excluded.calls;`;
}
