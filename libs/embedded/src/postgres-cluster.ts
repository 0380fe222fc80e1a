import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chown, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { isRoot, makePassable, type Account } from './account.js';
import { EmbeddedError } from './embedded-error.js';
import type { PostgresBinaries } from './postgres-binaries.js';

const run = promisify(execFile);

const INIT_TIMEOUT_MS = 120_000;

export interface ClusterOptions {
  binaries: PostgresBinaries;
  /** As placed: where `account` can run them. */
  binDir: string;
  account: Account;
  dataDir: string;
  user: string;
  password: string;
  database: string;
  /** False only where losing the data in a power cut does not matter. */
  durable: boolean;
}

async function entries(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
}

/** Whether the folder holds data that these binaries can run on. */
async function hasCluster({ dataDir, binaries }: ClusterOptions): Promise<boolean> {
  const found = await entries(dataDir);
  if (found.length === 0) return false;
  const version = found.includes('PG_VERSION')
    ? (await readFile(join(dataDir, 'PG_VERSION'), 'utf8')).trim()
    : undefined;
  if (version === undefined) {
    throw new EmbeddedError(
      'data_folder',
      `${dataDir} is not empty, and not a data folder of Postgres.`,
      'Move what is in it elsewhere, or choose another data folder with PURSER_HOME.',
    );
  }
  if (version !== String(binaries.major)) {
    throw new EmbeddedError(
      'data_version',
      `The data in ${dataDir} was written by Postgres ${version}; this Purser brings Postgres ${binaries.major}, which cannot read it.`,
      `Start the Purser that wrote it, dump the database with pg_dump, move the folder away, start this one and load the dump; or set PURSER_DATABASE_URL to a Postgres ${version}.`,
    );
  }
  return true;
}

/** Runs one statement on a cluster that no server runs on. */
async function inSingleUserMode(options: ClusterOptions, dataDir: string, sql: string): Promise<void> {
  const { account, binDir } = options;
  const child = spawn(join(binDir, 'postgres'), ['--single', '-D', dataDir, 'postgres'], {
    cwd: dataDir,
    env: { LC_ALL: 'C' },
    stdio: ['pipe', 'ignore', 'pipe'],
    timeout: INIT_TIMEOUT_MS,
    ...(isRoot() ? { uid: account.uid, gid: account.gid } : {}),
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString('utf8')).slice(-4_000);
  });
  child.stdin.on('error', () => undefined); // Its end is told by the exit code.
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  child.stdin.end(`${sql}\n`);
  // Single-user mode reports a failed statement on stderr and still ends with 0.
  if ((await ended) !== 0 || said.includes('ERROR:')) throw new Error(`${sql}: ${said.trim()}`);
}

async function initialize(options: ClusterOptions, dataDir: string): Promise<void> {
  const { account, binDir, durable } = options;
  const asAccount = isRoot() ? { uid: account.uid, gid: account.gid } : {};
  const passwordFile = join(dirname(dataDir), `.${basename(dataDir)}.password`);
  try {
    await writeFile(passwordFile, `${options.password}\n`, { mode: 0o600, flag: 'wx' });
    if (isRoot()) await chown(passwordFile, account.uid, account.gid);
    const args = ['-D', dataDir, '-U', options.user, `--pwfile=${passwordFile}`, '--auth=scram-sha-256', '-E', 'UTF8'];
    // The builtin locale sorts alike on every machine and upgrade, whatever its C library.
    args.push('--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8');
    if (!durable) args.push('--no-sync');
    await run(join(binDir, 'initdb'), args, {
      cwd: dataDir,
      env: { LC_ALL: 'C', TZ: 'UTC' },
      timeout: INIT_TIMEOUT_MS,
      ...asAccount,
    });
  } finally {
    await rm(passwordFile, { force: true });
  }
  await inSingleUserMode(options, dataDir, `CREATE DATABASE "${options.database.replaceAll('"', '""')}"`);
}

/**
 * Makes the data folder at the first start. All is made beside it and renamed into place at the end, so that a start
 * that is killed half-way leaves nothing that a later one would take for data.
 */
export async function ensureCluster(options: ClusterOptions): Promise<void> {
  const { dataDir, account } = options;
  if (await hasCluster(options)) return;
  const parent = dirname(dataDir);
  await makePassable(parent);
  const prefix = `${basename(dataDir)}.new-`;
  const leftovers = (await entries(parent)).filter((name) => name.startsWith(prefix) || name.startsWith(`.${prefix}`));
  await Promise.all(leftovers.map((name) => rm(join(parent, name), { recursive: true, force: true })));

  const arriving = join(parent, `${prefix}${randomBytes(4).toString('hex')}`);
  try {
    await mkdir(arriving, { mode: 0o700 });
    if (isRoot()) await chown(arriving, account.uid, account.gid);
    await initialize(options, arriving);
    await rename(arriving, dataDir);
  } catch (error) {
    await rm(arriving, { recursive: true, force: true });
    const { stderr } = error as { stderr?: string };
    throw new EmbeddedError(
      'start_failed',
      `Postgres' data folder ${dataDir} could not be made${stderr ? `: ${stderr.trim()}` : '.'}`,
      `Check that there is space (about 60 MB) and that ${account.name} may write there.`,
      { cause: error },
    );
  }
}
