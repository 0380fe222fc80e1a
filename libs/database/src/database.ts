import 'reflect-metadata';
import { isPurserError, PurserError } from '@purser/contracts';
import pg from 'pg';
import { DataSource, type MigrationInterface, type QueryRunner } from 'typeorm';

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
}

/** One statement after the other, on the pool or within a transaction. */
export interface Sql {
  query<Row>(text: string, parameters?: unknown[]): Promise<Row[]>;
}

const STATEMENT_TIMEOUT_MS = 30_000;
/** So much later a server that has not even said that it gave up counts as gone. */
const SILENCE_MS = 5_000;
const TRANSACTION_TRIES = 4;

export class Database implements Sql {
  private constructor(readonly source: DataSource) {}

  static async open(options: DatabaseOptions): Promise<Database> {
    const { statementTimeoutMs = STATEMENT_TIMEOUT_MS } = options;
    const source = new DataSource({
      type: 'postgres',
      url: options.url,
      schema: options.schema,
      applicationName: options.applicationName,
      poolSize: options.poolSize ?? 8,
      connectTimeoutMS: 5_000,
      migrations: options.migrations,
      migrationsTableName: 'migrations',
      entities: [],
      extra: {
        statement_timeout: statementTimeoutMs,
        query_timeout: statementTimeoutMs + SILENCE_MS,
        keepAlive: true,
        options: `-c search_path=${options.schema}`,
        idleTimeoutMillis: 60_000,
      },
      poolErrorHandler: () => undefined, // An idle connection was lost; the next query opens another one and reports for itself.
      logging: false,
    });
    await initialise(source, options);
    const database = new Database(source);
    try {
      await database.migrate(options.schema);
    } catch (error) {
      await source.destroy();
      throw error;
    }
    return database;
  }

  /** Several instances of a service may start at once: one migrates, the others wait for it. */
  private async migrate(schema: string): Promise<void> {
    const runner = this.source.createQueryRunner();
    try {
      await runner.query('SELECT pg_advisory_lock(hashtextextended($1, 0))', [`purser.${schema}`]);
      await runner.query(`CREATE SCHEMA IF NOT EXISTS "${schema}"`);
      await this.source.runMigrations({ transaction: 'each' });
    } finally {
      await runner
        .query('SELECT pg_advisory_unlock(hashtextextended($1, 0))', [`purser.${schema}`])
        .catch(() => undefined);
      await runner.release();
    }
  }

  async query<Row>(text: string, parameters: unknown[] = []): Promise<Row[]> {
    const runner = this.source.createQueryRunner();
    try {
      return await rows<Row>(runner, text, parameters);
    } catch (error) {
      throw translated(error);
    } finally {
      await runner.release();
    }
  }

  /** Runs `work` in one transaction; again from the start when the database broke a deadlock or a serialisation conflict. */
  async transaction<T>(work: (tx: Sql) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.tryOnce(work);
      } catch (error) {
        const conflict = ['40001', '40P01'].includes(sqlState(error) ?? '');
        if (!conflict || attempt === TRANSACTION_TRIES) throw translated(error);
        await new Promise((resolve) => setTimeout(resolve, attempt * 10 + Math.random() * 20));
      }
    }
  }

  private async tryOnce<T>(work: (tx: Sql) => Promise<T>): Promise<T> {
    const runner = this.source.createQueryRunner();
    try {
      await runner.startTransaction();
      const result = await work({ query: (text, parameters = []) => rows(runner, text, parameters) });
      await runner.commitTransaction();
      return result;
    } catch (error) {
      await hangUpIfSilent(runner, error);
      // What went wrong before tells more than that this went wrong too.
      if (runner.isTransactionActive) await runner.rollbackTransaction().catch(() => undefined);
      throw error;
    } finally {
      await runner.release();
    }
  }

  async ping(): Promise<void> {
    await this.query('SELECT 1');
  }

  async close(): Promise<void> {
    if (this.source.isInitialized) await this.source.destroy();
  }
}

async function initialise(source: DataSource, { connectTimeoutMs = 30_000, url }: DatabaseOptions): Promise<void> {
  const deadline = Date.now() + connectTimeoutMs;
  for (;;) {
    try {
      await source.initialize();
      return;
    } catch (cause) {
      const error = translated(cause);
      const passing = isPurserError(error) && error.code === 'unavailable';
      if (passing && Date.now() < deadline) {
        await new Promise((resolve) => setTimeout(resolve, 250));
        continue;
      }
      const where = new URL(url);
      throw new PurserError('unavailable', {
        message: `no connection to Postgres at ${where.host}${where.pathname}: ${(cause as Error).message}. Is it running, and are PURSER_DATABASE_URL's user and password right?`,
        cause,
      });
    }
  }
}

/** TypeORM gives plain rows for SELECT and INSERT, but [rows, count] for UPDATE and DELETE. */
async function rows<Row>(runner: QueryRunner, text: string, parameters: unknown[]): Promise<Row[]> {
  const result: unknown = await runner.query(text, parameters).catch(async (error: unknown) => {
    await hangUpIfSilent(runner, error);
    throw error;
  });
  if (!Array.isArray(result)) return [];
  const list = result as unknown[];
  return (list.length === 2 && Array.isArray(list[0]) && typeof list[1] === 'number' ? list[0] : list) as Row[];
}

/** The driver's words for a server that did not answer in time. */
const SILENCE = /query read timeout/i;

/** The driver would go on to wait for that answer: whoever got this connection next, if only to roll back, would wait in vain. */
async function hangUpIfSilent(runner: QueryRunner, error: unknown): Promise<void> {
  if (!SILENCE.test(messageOf(error))) return;
  const client = (await runner.connect()) as pg.PoolClient & Pick<pg.Client, 'end'>;
  client.end().catch(() => undefined);
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : '');

interface DriverError {
  code?: unknown;
  driverError?: { code?: unknown; constraint?: unknown };
}

function sqlState(error: unknown): string | undefined {
  const { code, driverError } = (error ?? {}) as DriverError;
  const found = driverError?.code ?? code;
  return typeof found === 'string' ? found : undefined;
}

/** The name of the constraint that refused a write, if that is what happened. */
export function violatedConstraint(error: unknown): string | undefined {
  const { driverError } = ((isPurserError(error) ? error.cause : error) ?? {}) as DriverError;
  return typeof driverError?.constraint === 'string' ? driverError.constraint : undefined;
}

/** Postgres being away is passing trouble that every caller must be able to tell from a defect. */
function translated(error: unknown): unknown {
  if (isPurserError(error)) return error;
  const state = sqlState(error) ?? '';
  const message = messageOf(error);
  const away =
    [
      'ECONNREFUSED',
      'ECONNRESET',
      'EPIPE',
      'ETIMEDOUT',
      'ENOTFOUND',
      '57P01',
      '57P02',
      '57P03',
      '53300',
      '57014',
    ].includes(state) ||
    state.startsWith('08') ||
    /connection terminated|query read timeout|timeout exceeded when trying to connect|Connection ended|is not queryable|not established/i.test(
      message,
    );
  return away
    ? new PurserError('unavailable', { message: `the database is not reachable (${message})`, cause: error })
    : error;
}
