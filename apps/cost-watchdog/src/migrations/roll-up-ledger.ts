import type { MigrationInterface, QueryRunner } from '@purser/database';

const UNITS = ['minute', 'hour', 'day'] as const;
type Unit = (typeof UNITS)[number];

/**
 * Sums of the ledger by minute, hour and day, and in all, so that what people and rules look at again and again does not
 * grow with it. docs/adr/0017-rollups-with-the-insert.md has the figures.
 */
export class RollUpLedger1700000003601 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const unit of UNITS) {
      await runner.query(`
        CREATE TABLE spend_${unit}s (
          -- UTC, by the time of use.
          ${unit}        timestamptz NOT NULL,
          provider       text NOT NULL,
          model          text NOT NULL,
          amount_nano    bigint NOT NULL,
          -- What of it the gateways metered: rules on spikes judge by that alone.
          metered_nano   bigint NOT NULL,
          -- Against the first paid tier.
          saved_nano     bigint NOT NULL,
          input_tokens   bigint NOT NULL,
          output_tokens  bigint NOT NULL,
          -- Calls that came to this model at this provider, however often they tried; and to this provider at all.
          model_calls    bigint NOT NULL,
          provider_calls bigint NOT NULL,
          PRIMARY KEY (${unit}, provider, model)
        ) WITH (fillfactor = 70)`);
    }
    await runner.query(`
      CREATE TABLE spend_totals (
        field         text NOT NULL CHECK (field IN ('task', 'session', 'key', 'project', 'provider')),
        id            text NOT NULL,
        amount_nano   bigint NOT NULL,
        input_tokens  bigint NOT NULL,
        output_tokens bigint NOT NULL,
        calls         bigint NOT NULL,
        PRIMARY KEY (field, id)
      ) WITH (fillfactor = 70)`);
    await this.createIndexes(runner);
    await runner.query(`
      CREATE FUNCTION roll_up_entries() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        ${ROLL_UP};
        RETURN NULL;
      END $$`);
    await runner.query(`
      CREATE TRIGGER entries_rolled_up AFTER INSERT ON entries REFERENCING NEW TABLE AS added
      FOR EACH STATEMENT EXECUTE FUNCTION roll_up_entries()`);
    await this.takeOver(runner);
    await runner.query('ANALYZE spend_minutes, spend_hours, spend_days, spend_totals');
  }

  private async createIndexes(runner: QueryRunner): Promise<void> {
    // Whether an attempt is the first of its call.
    await runner.query(`CREATE INDEX entries_by_call ON entries (call_id) WHERE source = 'metered'`);
    // Pages of what belongs to one of them, newest first, without a look at all that does.
    await runner.query('CREATE INDEX entries_by_provider ON entries (provider, seq)');
    await runner.query('DROP INDEX entries_by_task, entries_by_session, entries_by_key');
    for (const field of ['project', 'task', 'session', 'key']) {
      await runner.query(`CREATE INDEX entries_by_${field} ON entries (${field}, seq) WHERE ${field} IS NOT NULL`);
    }
  }

  /**
   * What is there already: each table in one pass over the entries, since ten million of them do not fit into memory. Few
   * calls have several attempts; only those are looked at to find the first of each. Minutes are for the last day.
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
    const known = (which: string) => `(
      SELECT e.*, source = 'metered' AS metered, coalesce(l.first_of_call, true) AS first_of_call,
             coalesce(l.first_at_provider, true) AS first_at_provider, coalesce(l.first_at_model, true) AS first_at_model
        FROM entries e LEFT JOIN later_attempts l USING (seq) WHERE ${which}) AS noted`;
    await runner.query(
      `INSERT INTO spend_minutes ${COLUMNS('minute')} ${SUMS('minute', known(`usage_at > now() - interval '25 hours'`))}`,
    );
    await runner.query(`INSERT INTO spend_hours ${COLUMNS('hour')} ${SUMS('hour', known('true'))}`);
    await runner.query(`
      INSERT INTO spend_days ${COLUMNS('day')}
      SELECT date_trunc('day', hour, 'UTC'), provider, model, sum(amount_nano), sum(metered_nano), sum(saved_nano), sum(input_tokens),
             sum(output_tokens), sum(model_calls), sum(provider_calls)
        FROM spend_hours GROUP BY 1, 2, 3`);
    await runner.query(`INSERT INTO spend_totals ${TOTAL_COLUMNS} ${TOTALS(known('true'))}`);
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
    await runner.query('DROP TABLE spend_totals, spend_days, spend_hours, spend_minutes');
  }
}

/** Nothing is used after it was counted: a gateway whose clock is ahead hides nothing from the rules that look at minutes. */
const TIME: Record<Unit, string> = { minute: 'least(usage_at, counted_at)', hour: 'usage_at', day: 'usage_at' };

const COLUMNS = (unit: Unit): string =>
  `(${unit}, provider, model, amount_nano, metered_nano, saved_nano, input_tokens, output_tokens, model_calls, provider_calls)`;

/** Rows in the order of their keys, so that several writers wait for each other instead of getting stuck. */
const SUMS = (unit: Unit, noted: string): string => `
  SELECT date_trunc('${unit}', ${TIME[unit]}, 'UTC'), provider, model, sum(amount_nano),
         coalesce(sum(amount_nano) FILTER (WHERE metered), 0), sum(coalesce(first_paid_nano - amount_nano, 0)), sum(input_tokens), sum(output_tokens),
         count(*) FILTER (WHERE metered AND first_at_model), count(*) FILTER (WHERE metered AND first_at_provider)
    FROM ${noted} ${unit === 'minute' ? 'WHERE metered' : ''} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`;

const TOTAL_COLUMNS = '(field, id, amount_nano, input_tokens, output_tokens, calls)';

/** Summed by all five fields first: entries are many, and those of one session agree in all of them. */
const TOTALS = (noted: string): string => `
  SELECT f.field, f.id, sum(amount), sum(input), sum(output),
         sum(CASE f.field WHEN 'provider' THEN at_provider ELSE calls END)
    FROM (SELECT task, session, key, project, provider, sum(amount_nano) AS amount, sum(input_tokens) AS input,
                 sum(output_tokens) AS output, count(*) FILTER (WHERE metered AND first_of_call) AS calls,
                 count(*) FILTER (WHERE metered AND first_at_provider) AS at_provider
            FROM ${noted} GROUP BY 1, 2, 3, 4, 5) AS together
   CROSS JOIN LATERAL (VALUES ('task', task), ('session', session), ('key', key), ('project', project),
                              ('provider', provider)) AS f(field, id)
   WHERE f.id IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2`;

const add = (unit: Unit): string => `
  INSERT INTO spend_${unit}s AS t ${COLUMNS(unit)} ${SUMS(unit, 'noted')}
  ON CONFLICT (${unit}, provider, model) DO UPDATE SET
    amount_nano = t.amount_nano + excluded.amount_nano, metered_nano = t.metered_nano + excluded.metered_nano,
    saved_nano = t.saved_nano + excluded.saved_nano,
    input_tokens = t.input_tokens + excluded.input_tokens, output_tokens = t.output_tokens + excluded.output_tokens,
    model_calls = t.model_calls + excluded.model_calls, provider_calls = t.provider_calls + excluded.provider_calls`;

/**
 * New entries, added to all tables by one statement. An attempt is the first of its call when none of before, nor of this
 * very statement, belongs to the same one.
 */
const ROLL_UP = `
  WITH noted AS MATERIALIZED (
    SELECT a.*, a.source = 'metered' AS metered, NOT coalesce(before.of_call, false) AS first_of_call,
           NOT coalesce(before.at_provider, false) AS first_at_provider,
           NOT coalesce(before.at_model, false) AS first_at_model
      FROM added a
      LEFT JOIN LATERAL (
        SELECT true AS of_call, bool_or(p.provider = a.provider) AS at_provider,
               bool_or(p.provider = a.provider AND p.model = a.model) AS at_model
          FROM entries p WHERE p.call_id = a.call_id AND p.source = 'metered' AND p.seq < a.seq
        HAVING count(*) > 0) AS before ON a.source = 'metered'
  ), minutes AS (${add('minute')}
  ), hours AS (${add('hour')}
  ), days AS (${add('day')}
  )
  INSERT INTO spend_totals AS t ${TOTAL_COLUMNS} ${TOTALS('noted')}
  ON CONFLICT (field, id) DO UPDATE SET
    amount_nano = t.amount_nano + excluded.amount_nano, input_tokens = t.input_tokens + excluded.input_tokens,
    output_tokens = t.output_tokens + excluded.output_tokens, calls = t.calls + excluded.calls`;
