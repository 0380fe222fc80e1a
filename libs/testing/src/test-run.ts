import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

function given(variable: string): string {
  const value = process.env[variable];
  if (value === undefined || value === '') {
    throw new Error(
      `${variable} is not set: servers for tests work only in specs whose jest project has libs/testing/src/jest/begin-run.mjs as globalSetup (*.io, *.bus, *.db and *.e2e specs).`,
    );
  }
  return value;
}

/** The folder of this jest run. Whatever is in it, and every process that names it, ends with the run. */
export function runFolder(): string {
  return given('PURSER_TEST_RUN_DIR');
}

/** Keeps the nats-server binary from run to run. */
export function cacheFolder(): string {
  return given('PURSER_TEST_CACHE_DIR');
}

/** A new folder of this run that other users of the machine can pass through, as Postgres' must. */
export async function newRunFolder(prefix: string): Promise<string> {
  const folder = join(runFolder(), `${prefix}-${randomBytes(4).toString('hex')}`);
  await mkdir(folder, { mode: 0o755 });
  return folder;
}
