import { chmod, mkdir } from 'node:fs/promises';
import { PurserError } from '@purser/contracts';
import { isRoot } from '@purser/embedded';
import type { Home } from '../home.js';

/**
 * Makes the data folder: for its owner alone. As root, other users may pass through it (but not look around), since
 * Postgres and agents then run as users of their own and have their folders in it; what is secret is closed by itself.
 */
export async function prepareHome(home: Home): Promise<void> {
  try {
    await mkdir(home.root, { recursive: true, mode: 0o700 });
    await chmod(home.root, isRoot() ? 0o711 : 0o700);
    for (const folder of [home.secrets, home.logs, home.nats, home.gateway]) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await chmod(folder, 0o700);
    }
  } catch (cause) {
    throw new PurserError('internal', {
      message: `The data folder ${home.root} cannot be made or written: ${(cause as Error).message}. Set PURSER_HOME to a folder that this user may write to.`,
      cause,
    });
  }
}
