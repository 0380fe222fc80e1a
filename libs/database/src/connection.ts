import { isPurserError, PurserError } from '@purser/contracts';
import type { DataSource } from 'typeorm';

/** Waits for a server that is not there yet. */
export async function initialise(source: DataSource, url: string, connectTimeoutMs = 30_000): Promise<void> {
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

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : '');

export interface DriverError {
  code?: unknown;
  driverError?: { code?: unknown; constraint?: unknown };
}

export function sqlState(error: unknown): string | undefined {
  const { code, driverError } = (error ?? {}) as DriverError;
  const found = driverError?.code ?? code;
  return typeof found === 'string' ? found : undefined;
}

/** Postgres being away is passing trouble that every caller must be able to tell from a defect. */
export function translated(error: unknown): unknown {
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
