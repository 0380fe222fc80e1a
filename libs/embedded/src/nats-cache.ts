import { chmod, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolders } from './make-folders.js';
import { compareVersions } from './nats-version.js';

const ABANDONED_AFTER_MS = 60 * 60 * 1000;
const WORK_FOLDER = '.fetching-';

/** Runs `work` with a folder inside the cache, so that what it leaves there can be renamed into the cache. */
export async function inWorkFolder<T>(cacheDir: string, work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(cacheDir, WORK_FOLDER));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Moves a binary from a work folder to its final name in one step, so that a second process that does the same at the
 * same time finds either nothing or a whole file, and a running server keeps the file it was started from.
 */
export async function keepInCache(file: string, cacheDir: string, name: string): Promise<string> {
  const target = join(cacheDir, name);
  await chmod(file, 0o755);
  await rename(file, target);
  return target;
}

/** Work folders of processes that were killed. A young one may still be in use. */
async function sweep(cacheDir: string, names: string[]): Promise<void> {
  for (const name of names.filter((each) => each.startsWith(WORK_FOLDER))) {
    const folder = join(cacheDir, name);
    const age = Date.now() - (await stat(folder).catch(() => ({ mtimeMs: Date.now() }))).mtimeMs;
    if (age > ABANDONED_AFTER_MS) await rm(folder, { recursive: true, force: true });
  }
}

/** The binaries in the cache, newest version first. Their names begin with `nats-server-v<version>`. */
export async function cachedBinaries(cacheDir: string): Promise<string[]> {
  await makeFolders(cacheDir);
  const names = await readdir(cacheDir);
  await sweep(cacheDir, names);
  const version = (name: string): string => /^nats-server-v(\d+\.\d+\.\d+)/.exec(name)?.[1] ?? '';
  return names
    .filter((name) => version(name) !== '')
    .sort((a, b) => compareVersions(version(b), version(a)))
    .map((name) => join(cacheDir, name));
}
