import 'reflect-metadata';
import { isPurserError } from '@purser/contracts';
import pg from 'pg';
import type { MigrationInterface } from 'typeorm';
import { Changes } from './changes.js';
import { constraintOf, messageOf, sqlState, translated, untilThere } from './connection.js';
import { migrate } from './migrate.js';

// bigint columns (money, sequence numbers) come back as bigint, not as the driver's default string.
pg.types.setTypeParser(pg.types.builtins.INT8, BigInt);

export type MigrationClass = new () => MigrationInterface;

export interface DatabaseOptions {
  url: string;
  /** The one schema that this service owns; created when it is missing. */
  schema: string;
  migrations: MigrationClass[];
  /** Shown in pg_stat_activity. */
  applicationName: string;
  poolSize?: number;
  /** How long to wait for a server that is not there yet. */
  connectTimeoutMs?: number;
  /** How long the server works on one statement; 30 s when not given. */
  statementTimeoutMs?: number;
  /** Hears what changes, on one more connection; the schema's migrations see to it that it is told. */
  hearsChanges?: boolean;
  /** Of Postgres, for every connection: `{ enable_seqscan: 'off' }`. */
  settings?: Readonly<Record<string, string>>;
}

/** One statement after the other, on the pool or within a transaction. */
export interface Sql {
  /**
   * `name`: prepared once per connection and planned for any parameters, which saves more than half of a small
   * statement's cost. For a constant text whose best plan does not depend on them; a name stands for one text.
   */
  query<Row>(text: string, parameters?: unknown[], name?: string): Promise<Row[]>;
}

const STATEMENT_TIMEOUT_MS = 30_000;
/** So much later a server that has not even said that it gave up counts as gone. */
const SILENCE_MS = 5_000;
const TRANSACTION_TRIES = 4;

export class Database implements Sql {
  private changes: Changes | undefined;

  private constructor(private readonly pool: pg.Pool) {}

  static async open(options: DatabaseOptions): Promise<Database> {
    await migrate(options);
    return Database.connect(options);
  }

  /** To a schema that is there already, and is used as it is. */
  static async connect(options: Omit<DatabaseOptions, 'migrations'>): Promise<Database> {
    const { statementTimeoutMs = STATEMENT_TIMEOUT_MS } = options;
    const pool = new pg.Pool({
      connectionString: options.url,
      application_name: options.applicationName,
      max: options.poolSize ?? 8,
      connectionTimeoutMillis: 5_000,
      statement_timeout: statementTimeoutMs,
      query_timeout: statementTimeoutMs + SILENCE_MS,
      keepAlive: true,
      options: Object.entries({ ...options.settings, search_path: options.schema })
        .map(([name, value]) => `-c ${name}=${value}`)
        .join(' '),
      idleTimeoutMillis: 60_000,
    });
    // A connection was lost; the next query opens another one and reports for itself.
    pool.on('error', () => undefined);
    pool.on('connect', (client) => client.on('error', () => undefined));
    try {
      await untilThere(async () => (await pool.connect()).release(), options.url, options.connectTimeoutMs);
    } catch (error) {
      await pool.end();
      throw error;
    }
    const database = new Database(pool);
    if (options.hearsChanges === true) database.hearChanges(options);
    return database;
  }

  async query<Row>(text: string, parameters: unknown[] = [], name?: string): Promise<Row[]> {
    try {
      return await this.withClient((client) => rows<Row>(client, text, parameters, name));
    } catch (error) {
      throw translated(error);
    }
  }

  /** Runs `work` in one transaction; again from the start when the database broke a deadlock or a serialisation conflict. */
  async transaction<T>(work: (tx: Sql) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.withClient((client) => tryOnce(client, work));
      } catch (error) {
        const conflict = ['40001', '40P01'].includes(sqlState(error) ?? '');
        if (!conflict || attempt === TRANSACTION_TRIES) throw translated(error);
        await new Promise((resolve) => setTimeout(resolve, attempt * 10 + Math.random() * 20));
      }
    }
  }

  /** A connection whose server fell silent is closed: the driver would go on to wait for that answer. */
  private async withClient<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const client = await this.pool.connect();
    let broken = false;
    try {
      return await work(client);
    } catch (error) {
      broken = SILENCE.test(messageOf(error)) || error instanceof StillOpen;
      throw error instanceof StillOpen ? error.cause : error;
    } finally {
      client.release(broken);
    }
  }

  /**
   * `read`, but what it gave last is given again while none of these tables has changed, for some minutes at most; `keeps` says
   * whether nothing else, such as the time, decides about it. Always `read` itself where changes are not heard.
   */
  whileUnchanged<Row>(
    tables: readonly string[],
    read: () => Promise<Row[]>,
    keeps: (rows: Row[]) => boolean = () => true,
  ): () => Promise<Row[]> {
    return this.changes?.whileUnchanged(tables, read, keeps) ?? read;
  }

  /** `write`, after which reads of before are not given again here, whatever was heard of it: also when its outcome is not known. */
  changing<T>(tables: readonly string[], write: () => Promise<T>): Promise<T> {
    return write().finally(() => this.changes?.changed(tables));
  }

  private hearChanges({ url, schema, applicationName }: Omit<DatabaseOptions, 'migrations'>): void {
    const notify = (channel: string, payload: string) => this.query('SELECT pg_notify($1, $2)', [channel, payload]);
    this.changes = new Changes({ url, schema, applicationName, notify });
    this.changes.start();
  }

  async ping(): Promise<void> {
    await this.query('SELECT 1');
  }

  async close(): Promise<void> {
    await this.changes?.close();
    if (!this.pool.ending) await this.pool.end();
  }
}

/** What went wrong in a transaction that could not be rolled back. */
class StillOpen extends Error {}

async function tryOnce<T>(client: pg.PoolClient, work: (tx: Sql) => Promise<T>): Promise<T> {
  try {
    await client.query('BEGIN');
    const result = await work({
      query: (text, parameters = [], name) => rows(client, text, parameters, name),
    });
    await client.query('COMMIT');
    return result;
  } catch (error) {
    if (SILENCE.test(messageOf(error))) throw error;
    // What went wrong before tells more than that this went wrong too.
    await client.query('ROLLBACK').catch(() => {
      throw new StillOpen(messageOf(error), { cause: error });
    });
    throw error;
  }
}

async function rows<Row>(client: pg.PoolClient, text: string, values: unknown[], name?: string): Promise<Row[]> {
  const result = await client.query<Row & pg.QueryResultRow>(
    name === undefined ? { text, values } : { name, text, values },
  );
  // Several statements in one text, which only those without parameters may be, give several results.
  return Array.isArray(result) ? [] : result.rows;
}

/** The driver's words for a server that did not answer in time. */
const SILENCE = /query read timeout/i;

/** The name of the constraint that refused a write, if that is what happened. */
export function violatedConstraint(error: unknown): string | undefined {
  return constraintOf(isPurserError(error) ? error.cause : error);
}
