import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { abandonedRuns, endRun, newRun } from './run-folders.mjs';

/** Jest's globalSetup of the specs that do I/O. Servers start only when a spec asks for one. */
export default async function beginRun({ rootDir }) {
  for (const folder of abandonedRuns()) await endRun(folder);
  const cache = join(rootDir, 'node_modules', '.cache', 'purser');
  mkdirSync(cache, { recursive: true });
  process.env.PURSER_TEST_CACHE_DIR = cache;
  process.env.PURSER_TEST_RUN_DIR = newRun();
}
