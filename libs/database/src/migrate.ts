import { DataSource } from 'typeorm';
import { sqlState, untilThere } from './connection.js';
import type { DatabaseOptions } from './database.js';

/**
 * Rows to lock, so that one instance does what only one may do. Not advisory locks: anybody who may connect to the
 * database can take those, also the role of another service.
 */
const LOCKS = ['migrations', 'outbox'];
const CREATE_TRIES = 10;

/**
 * Brings the schema up to date. Several instances of a service may start at once: one migrates, the others wait for it.
 * On connections of its own, without any time limit: a large index takes its time.
 */
export async function migrate(options: DatabaseOptions): Promise<void> {
  const { url, schema, migrations, applicationName, connectTimeoutMs } = options;
  const noLimits = ['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout'];
  const source = new DataSource({
    type: 'postgres',
    url,
    schema,
    applicationName: `${applicationName} migrations`,
    // One holds the lock, the other one migrates.
    poolSize: 2,
    connectTimeoutMS: 5_000,
    migrations,
    migrationsTableName: 'migrations',
    entities: [],
    extra: {
      keepAlive: true,
      options: [`-c search_path=${schema}`, ...noLimits.map((name) => `-c ${name}=0`)].join(' '),
    },
    poolErrorHandler: () => undefined,
    logging: false,
  });
  await untilThere(() => source.initialize(), url, connectTimeoutMs);
  try {
    await createLocks(source, schema);
    await source.transaction(async (holder) => {
      await holder.query(`SELECT name FROM locks WHERE name = 'migrations' FOR UPDATE`);
      await source.runMigrations({ transaction: 'each' });
    });
  } finally {
    await source.destroy();
  }
}

async function createLocks(source: DataSource, schema: string): Promise<void> {
  const [there] = await source.query<{ schema: boolean; locks: boolean }[]>(
    `SELECT to_regnamespace($1) IS NOT NULL AS schema, to_regclass($2) IS NOT NULL AS locks`,
    [`"${schema}"`, `"${schema}".locks`],
  );
  // Only when it is missing: the role of a service may not create schemas, also none that is there already.
  if (!there?.schema) await createOnce(source, `CREATE SCHEMA IF NOT EXISTS "${schema}"`);
  if (!there?.locks) await createOnce(source, `CREATE TABLE IF NOT EXISTS locks (name text PRIMARY KEY)`);
  await source.query('INSERT INTO locks SELECT unnest($1::text[]) ON CONFLICT DO NOTHING', [LOCKS]);
}

/** IF NOT EXISTS looks first and creates then: whoever comes in between makes it fail, and is seen at the next look. */
async function createOnce(source: DataSource, statement: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await source.query(statement);
      return;
    } catch (error) {
      const raced = ['23505', '42710', '42P06', '42P07'].includes(sqlState(error) ?? '');
      if (!raced || attempt === CREATE_TRIES) throw error;
    }
  }
}
