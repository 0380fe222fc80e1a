import { createHash, randomBytes } from 'node:crypto';
import { chmod, cp, lstat, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { findAccount, isRoot, makePassable, ownAccount, reachableBy, type Account } from './account.js';
import { EmbeddedError } from './embedded-error.js';
import type { PostgresBinaries } from './postgres-binaries.js';

/** Folders that any user can enter and root can write to, best first. */
export const REACHABLE_FOLDERS: readonly string[] = [
  process.platform === 'darwin' ? '/usr/local/var/purser' : '/var/lib/purser',
  join(tmpdir(), 'purser'),
];

/** Where a Postgres runs and as whom. */
export interface PostgresPlace {
  account: Account;
  dataDir: string;
  /** Set when the data could not be where it was wanted. */
  movedTo: string | undefined;
}

async function ownerOf(path: string): Promise<number | undefined> {
  return stat(path).then(
    ({ uid }) => uid,
    () => undefined,
  );
}

/** Agents run as nobody when Purser is root, and whoever runs as the owner of the data owns the database. */
const AGENTS = 'nobody';

/** Postgres refuses to run as root. Data that a normal user made is run as that user, so that it stays theirs. */
async function accountFor(dataDir: string): Promise<Account> {
  const owner = await ownerOf(dataDir);
  if (!isRoot()) {
    const own = ownAccount();
    if (owner === undefined || owner === own.uid) return own;
    throw new EmbeddedError(
      'data_folder',
      `The data folder ${dataDir} belongs to another user (uid ${owner}), so Postgres cannot run as ${own.name}.`,
      `Start as that user, or give it to yourself: sudo chown -R ${own.uid}:${own.gid} ${dataDir}`,
    );
  }
  const wanted = owner === undefined || owner === 0 ? ['postgres', '_postgres', 'daemon'] : [owner];
  const agents = await findAccount(AGENTS);
  if (owner !== undefined && owner !== 0 && owner === toUnsigned(agents?.uid)) {
    throw new EmbeddedError(
      'data_folder',
      `The data folder ${dataDir} belongs to ${AGENTS}, the user that agents run as: each of them could change the database.`,
      `Give it to a user of its own, such as daemon: chown -R daemon ${dataDir}`,
    );
  }
  for (const user of wanted) {
    const account = await findAccount(user);
    if (account !== undefined && account.uid !== 0) return account;
  }
  throw new EmbeddedError(
    'no_account',
    'Postgres refuses to run as root, and there is no unprivileged user to run it as (postgres, daemon).',
    'Start Purser as a normal user, or create one: useradd --system postgres',
  );
}

/** macOS gives nobody the number -2, which a file's owner shows unsigned. */
const toUnsigned = (id: number | undefined): number | undefined => (id === undefined ? undefined : id >>> 0);

async function isOpenFolder(folder: string, account: Account): Promise<boolean> {
  try {
    await makePassable(folder, 0o755);
    // In a folder that all may write to, somebody else may have put a link or a folder of their own first.
    const found = await lstat(folder);
    return found.isDirectory() && found.uid === 0 && (await reachableBy(account, folder));
  } catch {
    return false;
  }
}

/** The first folder of root's that the account can enter. */
async function reachableFolder(account: Account, candidates: readonly string[]): Promise<string> {
  for (const folder of candidates) {
    if (await isOpenFolder(folder, account)) return folder;
  }
  throw new EmbeddedError(
    'data_folder',
    `Postgres runs as ${account.name}, which can enter none of ${candidates.join(', ')}.`,
    `Make one of them enterable: chmod 755 ${candidates[0] ?? '/var/lib'}`,
  );
}

/** The folder that stands in for a wanted path; always the same for the same path. */
const standIn = (folder: string, wanted: string): string =>
  join(folder, createHash('sha256').update(wanted).digest('hex').slice(0, 12));

const DATA = 'postgres';

/** Everywhere that data which are wanted at a path may be. */
export const possiblePlaces = (wanted: string, reachableFolders: readonly string[] = REACHABLE_FOLDERS): string[] => {
  const path = resolve(wanted);
  return [path, ...reachableFolders.map((folder) => join(standIn(folder, path), DATA))];
};

/**
 * Where the data that is wanted at a path goes. As a normal user it is that path. As root it is too, unless the user
 * that Postgres runs as cannot get there (a clone under /root): then it is a folder of its own elsewhere. Data that
 * were put there once stay there, also when the path is opened later.
 */
export async function placePostgres(
  wanted: string,
  reachableFolders: readonly string[] = REACHABLE_FOLDERS,
): Promise<PostgresPlace> {
  const path = resolve(wanted);
  const account = await accountFor(path);
  const asWanted = { account, dataDir: path, movedTo: undefined };
  if (!isRoot()) return asWanted;

  const hasData = (await ownerOf(join(path, 'PG_VERSION'))) !== undefined;
  const reachable = await reachableBy(account, path);
  if (hasData && !reachable) {
    throw new EmbeddedError(
      'data_folder',
      `The data in ${path} cannot be reached by ${account.name}, the user that Postgres runs as.`,
      'Make every folder above it enterable again (chmod a+x), or start as the user that made it.',
    );
  }
  for (const folder of hasData ? [] : reachableFolders) {
    const dataDir = join(standIn(folder, path), DATA);
    if ((await ownerOf(join(dataDir, 'PG_VERSION'))) !== undefined) {
      return { account: await accountFor(dataDir), dataDir, movedTo: dataDir };
    }
  }
  if (reachable) return asWanted;

  const folder = standIn(await reachableFolder(account, reachableFolders), path);
  await makePassable(folder, 0o755);
  await writeFile(join(folder, 'belongs-to'), `${path}\n`);
  return { account, dataDir: join(folder, DATA), movedTo: join(folder, DATA) };
}

/** Lets every user read what is in a folder, and run what its owner may run: npm may have unpacked it for root alone. */
async function openToAll(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await openToAll(path);
    else if (entry.isFile()) await chmod(path, ((await stat(path)).mode & 0o100) === 0 ? 0o644 : 0o755);
  }
}

/** The binaries, or a copy of them where the account can run them. The copy is made once for each version. */
export async function placeBinaries(
  binaries: PostgresBinaries,
  account: Account,
  reachableFolders: readonly string[] = REACHABLE_FOLDERS,
): Promise<string> {
  if (!isRoot() || (await reachableBy(account, join(binaries.root, 'bin', 'postgres'), 'enter'))) return binaries.root;
  const folder = await reachableFolder(account, reachableFolders);
  const copy = join(folder, `postgres-${binaries.version}`);
  if ((await ownerOf(copy)) === 0) return copy;
  const arriving = `${copy}.${randomBytes(6).toString('hex')}`;
  try {
    // Static libraries are half of the package and serve only compilers.
    await cp(binaries.root, arriving, {
      recursive: true,
      verbatimSymlinks: true,
      filter: (file) => !file.endsWith('.a'),
    });
    await openToAll(arriving);
    await rename(arriving, copy);
  } catch (error) {
    // Another start was first: its copy is as good.
    if ((await ownerOf(copy)) !== 0) throw error;
  } finally {
    await rm(arriving, { recursive: true, force: true });
  }
  return copy;
}
