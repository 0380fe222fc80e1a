import { chmod, stat } from 'node:fs/promises';
import { PurserError } from '@purser/contracts';
import { findAccount, isRoot, makeFolders } from '@purser/embedded';
import type { Home } from '../home.js';

/**
 * Makes the data folder: for its owner alone. As root, other users may pass through it (but not look around), since
 * Postgres and agents then run as users of their own and have their folders in it; what is secret is closed by itself.
 */
export async function prepareHome(home: Home): Promise<void> {
  const foreign = await foreignOwner(home);
  if (foreign) throw new PurserError('internal', { message: `${foreign.what}.\n${foreign.remedy}` });
  try {
    await makeFolders(home.root, 0o700);
    await chmod(home.root, isRoot() ? 0o711 : 0o700);
    for (const folder of [home.secrets, home.logs, home.nats, home.gateway]) {
      await makeFolders(folder, 0o700);
      await chmod(folder, 0o700);
    }
  } catch (cause) {
    throw new PurserError('internal', {
      message: `The data folder ${home.root} cannot be made or written: ${(cause as Error).message}. Set PURSER_HOME to a folder that this user may write to.`,
      cause,
    });
  }
}

/**
 * Whose folder it is, when it is not this user's. Root is not let in either: what it wrote anew would be root's, and the
 * folder's owner could not start any more.
 */
export async function foreignOwner(
  { root }: Pick<Home, 'root'>,
  uid: number | undefined = process.getuid?.(),
): Promise<{ what: string; remedy: string } | undefined> {
  const owner = await stat(root).then(
    (found) => found.uid,
    () => undefined,
  );
  if (owner === undefined || uid === undefined || owner === uid) return undefined;
  const { name } = (await findAccount(owner)) ?? { name: `uid ${owner}` };
  const what = `The data folder ${root} belongs to another user (${name})`;
  return uid === 0
    ? {
        what: `${what}, who could not start any more once root has written to it`,
        remedy: `Start as that user, or set PURSER_HOME to a folder of root's own. If root has written to it already, give it back: chown -R ${owner} ${root}`,
      }
    : {
        what,
        remedy: `Start as that user, set PURSER_HOME to a folder of yours, or make this one yours: sudo chown -R ${uid} ${root}`,
      };
}
