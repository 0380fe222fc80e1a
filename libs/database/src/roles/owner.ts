import pg from 'pg';
import { PurserError } from '@purser/contracts';
import { messageOf, sqlState, translated } from '../connection.js';
import { scramVerifier } from './scram.js';

const CONNECT_WITHIN_MS = 10_000;
/** A change of owner waits for transactions on the table, and everybody else waits behind it: rather try again. */
const LOCK_TIMEOUT = '5s';
/** Broken by a deadlock, kept waiting for a lock, or another one did the same at the same time. */
const AGAIN = ['40P01', '55P03', '23505', '42710', '42P06', 'XX000'];
const TRIES = 6;

export type Run = <Row extends object>(text: string, parameters?: unknown[]) => Promise<Row[]>;

/** One connection as the owner of the database. */
export async function asOwner<T>(url: string, work: (owner: Owner) => Promise<T>): Promise<T> {
  const client = await connect(url);
  try {
    return await work(new Owner(client));
  } finally {
    await client.end();
  }
}

export class Owner {
  constructor(private readonly client: pg.Client) {}

  readonly run: Run = async <Row extends object>(text: string, parameters: unknown[] = []) =>
    (await this.client.query<Row>(text, parameters)).rows;

  /** All or nothing; again from the start where trying again helps. */
  async transaction(work: (run: Run) => Promise<void>): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.client.query('BEGIN');
        await this.client.query(`SET LOCAL lock_timeout = '${LOCK_TIMEOUT}'`);
        await work(this.run);
        await this.client.query('COMMIT');
        return;
      } catch (error) {
        await this.client.query('ROLLBACK').catch(() => undefined);
        if (!AGAIN.includes(sqlState(error) ?? '') || attempt === TRIES) throw translated(error);
      }
    }
  }
}

/** Whether the server takes the URL's user and password; rejects when it cannot be asked. */
export async function mayLogIn(url: string): Promise<boolean> {
  try {
    const client = await open(url);
    await client.end();
    return true;
  } catch (error) {
    if (sqlState(error) === '28P01') return false;
    throw unreachable(url, error);
  }
}

/** Gives the URL's own user another password. */
export function changeOwnPassword(url: string, password: string): Promise<void> {
  return asOwner(url, async ({ run }) => {
    await run(`ALTER ROLE CURRENT_USER PASSWORD '${scramVerifier(password)}'`);
  });
}

const connect = (url: string): Promise<pg.Client> =>
  open(url).catch((error: unknown) => {
    throw unreachable(url, error);
  });

async function open(url: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: CONNECT_WITHIN_MS,
    application_name: 'purser roles',
  });
  // A server that goes away between two statements; the next statement reports it.
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

function unreachable(url: string, cause: unknown): PurserError {
  const { host, pathname, username } = new URL(url);
  return new PurserError('unavailable', {
    message: `no connection to Postgres at ${host}${pathname} as ${username}: ${messageOf(cause)}`,
    cause,
  });
}
