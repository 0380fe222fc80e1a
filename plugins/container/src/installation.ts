import { createHash, randomUUID } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Whose containers are whose on an engine: a name that is kept in the data folder, so that it outlives the machine's, and
 * is the folder's too, so that a copy of it takes no containers of the original for its own.
 */
export function installationOf(home: string): string {
  const folder = join(home, 'containers');
  const file = join(folder, 'installation');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const own = `${file}.${randomUUID()}`;
  writeFileSync(own, randomUUID(), { mode: 0o600 });
  try {
    // Whole or not at all, and never over another's.
    linkSync(own, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(own);
  }
  const kept = readFileSync(file, 'utf8').trim();
  return createHash('sha256').update(`${kept} ${home}`).digest('hex').slice(0, 12);
}
