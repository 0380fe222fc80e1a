import { isPurserError, PurserError } from '@purser/contracts';

/** Waits for a server that is not there yet. */
export async function untilThere(
  connect: () => Promise<unknown>,
  url: string,
  connectTimeoutMs = 30_000,
): Promise<void> {
  const deadline = Date.now() + connectTimeoutMs;
  for (;;) {
    try {
      await connect();
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

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : '');

interface Refusal {
  code?: unknown;
  constraint?: unknown;
  /** Where a migration's query runner wrapped it. */
  driverError?: Refusal;
}

const said = (error: unknown, field: 'code' | 'constraint'): string | undefined => {
  const refusal = (error ?? {}) as Refusal;
  const found = refusal.driverError?.[field] ?? refusal[field];
  return typeof found === 'string' ? found : undefined;
};

export const sqlState = (error: unknown): string | undefined => said(error, 'code');

export const constraintOf = (error: unknown): string | undefined => said(error, 'constraint');

const PASSING_CODES = [
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  '57P01', // shut down by its administrator
  '57P02', // shut down by a crash
  '57P03', // starting
  '57014', // statement_timeout
  '55P03', // a lock is not to be had
  '25006', // read-only: a standby, or what was the primary before a failover
  '40001', // a serialisation conflict, as after a transaction's last try
  '40P01', // a deadlock, likewise
];
/** No connection; no memory, disk or connections left; files that cannot be read or written. */
const PASSING_CLASSES = ['08', '53', '58'];
const PASSING_WORDS =
  /connection terminated|query read timeout|timeout exceeded when trying to connect|Connection ended|is not queryable|not established/i;

/**
 * Postgres being away, or there and unable to work, is passing trouble that every caller must be able to tell from a
 * defect: messages that meet a defect are given up after some tries.
 */
export function translated(error: unknown): unknown {
  if (isPurserError(error)) return error;
  const state = sqlState(error) ?? '';
  const message = messageOf(error);
  const passing =
    PASSING_CODES.includes(state) || PASSING_CLASSES.includes(state.slice(0, 2)) || PASSING_WORDS.test(message);
  return passing
    ? new PurserError('unavailable', { message: `the database is not available (${message})`, cause: error })
    : error;
}
