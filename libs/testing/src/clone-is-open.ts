import { statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Whether programs of another user can run what is in this clone. Below a home that only root can enter they cannot, and
 * specs that have agents run parts of the clone let them run as root there.
 */
export function cloneIsOpen(folder = process.cwd()): boolean {
  const parent = dirname(folder);
  return (statSync(folder).mode & 0o001) !== 0 && (parent === folder || cloneIsOpen(parent));
}
