import { chmod, copyFile, mkdir, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { compareVersions } from './nats-version.js';

/**
 * Puts a binary into the cache under its final name in one step, so that a second process that does the same at the
 * same time finds either nothing or a whole file, and a running server keeps the file it was started from.
 */
export async function keepInCache(file: string, cacheDir: string, name: string): Promise<string> {
  const target = join(cacheDir, name);
  const arriving = join(cacheDir, `.arriving-${name}-${process.pid}-${Date.now()}`);
  await copyFile(file, arriving);
  await chmod(arriving, 0o755);
  await rename(arriving, target);
  return target;
}

/** The binaries in the cache, newest version first. Their names begin with `nats-server-v<version>`. */
export async function cachedBinaries(cacheDir: string): Promise<string[]> {
  await mkdir(cacheDir, { recursive: true });
  const version = (name: string): string => /^nats-server-v(\d+\.\d+\.\d+)/.exec(name)?.[1] ?? '';
  return (await readdir(cacheDir))
    .filter((name) => version(name) !== '')
    .sort((a, b) => compareVersions(version(b), version(a)))
    .map((name) => join(cacheDir, name));
}
