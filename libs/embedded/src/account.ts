import { execFile } from 'node:child_process';
import { access, chmod, constants, stat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { dirname, relative, resolve, sep, join } from 'node:path';
import { promisify } from 'node:util';
import { EmbeddedError } from './embedded-error.js';
import { makeFolders } from './make-folders.js';

const run = promisify(execFile);

/** A user of this machine, as programs are started under it: without its supplementary groups. */
export interface Account {
  uid: number;
  gid: number;
  name: string;
}

const ownUid = (): number => process.getuid?.() ?? 0;
const ownGid = (): number => process.getgid?.() ?? 0;

export function isRoot(): boolean {
  return process.getuid?.() === 0;
}

export function ownAccount(): Account {
  let name = `uid ${ownUid()}`;
  try {
    name = userInfo().username;
  } catch {
    // A container may run under a number that has no name.
  }
  return { uid: ownUid(), gid: ownGid(), name };
}

/** Makes a folder and those missing above it. As root all of the new ones can be passed through, whatever the umask. */
export async function makePassable(folder: string, mode = 0o711): Promise<void> {
  const path = resolve(folder);
  const first = await makeFolders(path);
  if (first === undefined || !isRoot()) return;
  const below = relative(first, path).split(sep).filter(Boolean);
  for (let made = first, depth = 0; ; made = join(made, below[depth] ?? ''), depth += 1) {
    await chmod(made, mode);
    if (depth === below.length) return;
  }
}

/** Looks a user up by name or number; undefined when there is none. */
export async function findAccount(user: string | number): Promise<Account | undefined> {
  try {
    const id = async (flag: string): Promise<string> =>
      (await run('id', [flag, '--', String(user)], { timeout: 5_000 })).stdout.trim();
    const [uid, gid, name] = await Promise.all([id('-u'), id('-g'), id('-un')]);
    // macOS gives nobody the number -2, which `id` prints unsigned.
    return { uid: Number(uid) | 0, gid: Number(gid) | 0, name };
  } catch {
    return undefined;
  }
}

async function nearestExisting(path: string): Promise<string> {
  const exists = await stat(path).then(
    () => true,
    () => false,
  );
  const parent = dirname(path);
  return exists || parent === path ? path : nearestExisting(parent);
}

const ACCESS = { enter: ['-x', constants.X_OK], read: ['-r', constants.R_OK], write: ['-w', constants.W_OK] } as const;

/**
 * Whether an account could use a path: `enter` (a folder) or run it, `read` or `write` it. Every folder above must be
 * open to it too. For a path that does not exist the nearest folder above it that does is asked.
 *
 * It is tried, not computed: a process of that account asks the system, so that access lists, mount options and
 * whatever else decides are counted. Therefore only root can ask for another account than its own.
 */
export async function reachableBy(
  account: Pick<Account, 'uid' | 'gid'>,
  path: string,
  need: keyof typeof ACCESS = 'enter',
): Promise<boolean> {
  const [flag, mode] = ACCESS[need];
  const asked = await nearestExisting(resolve(path));
  if (account.uid === ownUid()) {
    return access(asked, mode).then(
      () => true,
      () => false,
    );
  }
  if (!isRoot()) {
    throw new EmbeddedError(
      'no_account',
      `Only root can tell what the user ${account.uid} may reach.`,
      'Start as root, or ask for the own user.',
    );
  }
  try {
    await run('/bin/sh', ['-c', 'test "$1" "$2"', 'sh', flag, asked], {
      uid: account.uid,
      gid: account.gid,
      cwd: '/',
      env: {},
      timeout: 5_000,
    });
    return true;
  } catch (error) {
    if ((error as { code?: unknown }).code === 1) return false;
    throw error;
  }
}
