import { createHash, randomBytes } from 'node:crypto';
import { cp, lstat, mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { findAccount, isRoot, ownAccount, reachableBy, type Account } from './account.js';
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
  const wanted = owner === undefined || owner === 0 ? ['postgres', '_postgres', 'nobody'] : [owner];
  for (const user of wanted) {
    const account = await findAccount(user);
    if (account !== undefined && account.uid !== 0) return account;
  }
  throw new EmbeddedError(
    'no_account',
    'Postgres refuses to run as root, and there is no unprivileged user to run it as (postgres, nobody).',
    'Start Purser as a normal user, or create one: useradd --system postgres',
  );
}

async function isOpenFolder(folder: string, account: Account): Promise<boolean> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o755 });
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

/**
 * Where the data that is wanted at a path goes. As a normal user it is that path. As root it is too, unless the user
 * that Postgres runs as cannot get there (a clone under /root): then it is a folder of its own elsewhere, always the
 * same for the same path.
 */
export async function placePostgres(
  wanted: string,
  reachableFolders: readonly string[] = REACHABLE_FOLDERS,
): Promise<PostgresPlace> {
  const path = resolve(wanted);
  const account = await accountFor(path);
  if (!isRoot() || (await reachableBy(account, path))) return { account, dataDir: path, movedTo: undefined };
  const id = createHash('sha256').update(path).digest('hex').slice(0, 12);
  const folder = join(await reachableFolder(account, reachableFolders), id);
  await mkdir(folder, { recursive: true, mode: 0o755 });
  await writeFile(join(folder, 'belongs-to'), `${path}\n`);
  const dataDir = join(folder, 'postgres');
  return { account, dataDir, movedTo: dataDir };
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
    await rename(arriving, copy);
  } catch (error) {
    // Another start was first: its copy is as good.
    if ((await ownerOf(copy)) !== 0) throw error;
  } finally {
    await rm(arriving, { recursive: true, force: true });
  }
  return copy;
}
