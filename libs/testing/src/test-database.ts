import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startPostgres } from '@purser/embedded';
import pg from 'pg';
import { eventually } from './eventually.js';
import { TEST_SETTINGS } from './test-postgres.js';
import { runFolder } from './test-run.js';

const START_TIMEOUT_MS = 60_000;
const CLONE_TRIES = 40;

export interface DatabaseTemplate {
  /** Specs with the same name share one template in a run. */
  name: string;
  /** Fills the new, empty database (runs the migrations), and closes its connections before it returns. */
  build(url: string): Promise<void>;
}

export interface TestDatabase {
  url: string;
  name: string;
  /** Also ends connections that are still open. */
  drop(): Promise<void>;
}

interface SharedPostgres {
  url: string;
  dataDir: string;
}

async function launchShared(folder: string): Promise<SharedPostgres> {
  const { url, dataDir } = await startPostgres({
    dataDir: join(folder, 'data'),
    port: 0,
    password: 'test',
    logFile: join(folder, 'postgres.log'),
    // Jest runs a worker per core, and each may hold the pools of all five services.
    settings: { ...TEST_SETTINGS, max_connections: '300', autovacuum: 'off' },
    durable: false,
  });
  return { url, dataDir };
}

/** The one Postgres of this run. The first who asks starts it, in whichever worker; the run's end stops it. */
async function sharedPostgres(): Promise<SharedPostgres> {
  const folder = join(runFolder(), 'shared-postgres');
  const answer = join(folder, 'answer.json');
  const first = await mkdir(folder, { mode: 0o755 }).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') return false;
      throw error;
    },
  );
  if (first) {
    const outcome = await launchShared(folder).catch((error: unknown) => ({ failure: String(error) }));
    await writeFile(`${answer}.new`, JSON.stringify(outcome));
    await rename(`${answer}.new`, answer);
  }
  const text = await eventually(() => readFile(answer, 'utf8'), { timeoutMs: START_TIMEOUT_MS });
  const outcome = JSON.parse(text) as SharedPostgres | { failure: string };
  if ('failure' in outcome) throw new Error(`The Postgres of this test run did not start: ${outcome.failure}`);
  return outcome;
}

function withDatabase(url: string, name: string): string {
  const other = new URL(url);
  other.pathname = `/${name}`;
  return other.href;
}

async function asAdmin<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

async function clone(client: pg.Client, name: string, template: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await client.query(`CREATE DATABASE "${name}" TEMPLATE "${template}"`);
      return;
    } catch (error) {
      // 55006: the template is still in use; a connection that was closed just now lives on for a moment.
      if ((error as { code?: string }).code !== '55006' || attempt === CLONE_TRIES) throw error;
      await delay(50);
    }
  }
}

/** Builds the template once in a run; the advisory lock makes all other workers wait for it. */
async function ensureTemplate(client: pg.Client, adminUrl: string, template: DatabaseTemplate): Promise<string> {
  const name = `template_${template.name.replaceAll(/\W/g, '_').toLowerCase()}`;
  await client.query('SELECT pg_advisory_lock(hashtext($1))', [name]);
  try {
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [name]);
    if (rowCount === 0) {
      const building = `${name}_building`;
      await client.query(`DROP DATABASE IF EXISTS "${building}" WITH (FORCE)`);
      await clone(client, building, 'template1');
      await template.build(withDatabase(adminUrl, building));
      await client.query(`ALTER DATABASE "${building}" RENAME TO "${name}"`);
    }
  } finally {
    await client.query('SELECT pg_advisory_unlock(hashtext($1))', [name]);
  }
  return name;
}

/**
 * A fresh database on the Postgres that all specs of this run share: empty, or a clone of a template.
 * fsync is off; collation and version are those of the embedded server.
 */
export async function createTestDatabase(options: { template?: DatabaseTemplate } = {}): Promise<TestDatabase> {
  const { url: adminUrl } = await sharedPostgres();
  const name = `test_${randomBytes(6).toString('hex')}`;
  await asAdmin(adminUrl, async (client) => {
    const source = options.template ? await ensureTemplate(client, adminUrl, options.template) : 'template1';
    await clone(client, name, source);
  });
  return {
    url: withDatabase(adminUrl, name),
    name,
    drop: () =>
      asAdmin(adminUrl, async (client) => {
        await client.query(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`);
      }),
  };
}
