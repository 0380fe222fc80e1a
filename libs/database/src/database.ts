import 'reflect-metadata';
import { isPurserError } from '@purser/contracts';
import pg from 'pg';
import { DataSource, type MigrationInterface, type QueryRunner } from 'typeorm';
import { type DriverError, initialise, messageOf, sqlState, translated } from './connection.js';
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
  private constructor(private readonly source: DataSource) {}

  static async open(options: DatabaseOptions): Promise<Database> {
    await migrate(options);
    return Database.connect(options);
  }

  /** To a schema that is there already, and is used as it is. */
  static async connect(options: Omit<DatabaseOptions, 'migrations'>): Promise<Database> {
    const { statementTimeoutMs = STATEMENT_TIMEOUT_MS } = options;
    const source = new DataSource({
      type: 'postgres',
      url: options.url,
      schema: options.schema,
      applicationName: options.applicationName,
      poolSize: options.poolSize ?? 8,
      connectTimeoutMS: 5_000,
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
    await initialise(source, options.url, options.connectTimeoutMs);
    return new Database(source);
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

/** The name of the constraint that refused a write, if that is what happened. */
export function violatedConstraint(error: unknown): string | undefined {
  const { driverError } = ((isPurserError(error) ? error.cause : error) ?? {}) as DriverError;
  return typeof driverError?.constraint === 'string' ? driverError.constraint : undefined;
}
