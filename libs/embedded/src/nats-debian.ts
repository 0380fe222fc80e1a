import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { inWorkFolder, keepInCache } from './nats-cache.js';
import { usableNatsVersion } from './nats-version.js';
import { type GroupOptions, ProgramFailed, runGroup } from './run-group.js';

/** Keeps apt's bookkeeping in a folder of ours: no root needed, and the machine's own lists stay as they are. */
async function privateState(folder: string): Promise<string[]> {
  await mkdir(join(folder, 'state', 'lists', 'partial'), { recursive: true });
  await mkdir(join(folder, 'cache', 'archives', 'partial'), { recursive: true });
  return [
    `Dir::State=${join(folder, 'state')}`,
    'Dir::State::status=/var/lib/dpkg/status',
    `Dir::Cache=${join(folder, 'cache')}`,
    'APT::Sandbox::User=root',
  ].flatMap((option) => ['-o', option]);
}

async function apt(args: string[], options: GroupOptions): Promise<void> {
  const network = ['Acquire::Retries=1', 'Acquire::http::Timeout=10', 'Acquire::https::Timeout=10'];
  try {
    await runGroup('apt-get', ['-q', ...network.flatMap((option) => ['-o', option]), ...args], {
      ...options,
      env: { ...options.env, LC_ALL: 'C' },
    });
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT')
      throw new Error('this machine has no apt-get', { cause: error });
    if (!(error instanceof ProgramFailed)) throw error;
    const said = error.stderr.split('\n').filter((line) => line.startsWith('E:'));
    throw said.length === 0 ? error : new Error(said.join(' '), { cause: error });
  }
}

/**
 * Unpacks Debian's package into the cache. It is never installed: its service would start, and take the port.
 */
export async function unpackDebianNats(
  cacheDir: string,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal | undefined,
): Promise<string> {
  return inWorkFolder(cacheDir, async (folder) => {
    const within = (timeoutMs: number): GroupOptions => ({ cwd: folder, env, timeoutMs, signal });
    try {
      await apt(['download', 'nats-server'], within(60_000));
    } catch {
      signal?.throwIfAborted();
      // The machine's package lists are empty or old, as in most images: fetch our own.
      const own = await privateState(folder);
      await apt([...own, 'update'], within(90_000));
      await apt([...own, 'download', 'nats-server'], within(60_000));
    }
    const deb = (await readdir(folder)).find((name) => name.endsWith('.deb'));
    if (deb === undefined) throw new Error('apt-get download left no package');
    await runGroup('dpkg-deb', ['-x', deb, 'unpacked'], within(60_000));
    const bin = join(folder, 'unpacked', 'usr', 'sbin', 'nats-server');
    const version = await usableNatsVersion(bin);
    return keepInCache(bin, cacheDir, `nats-server-v${version}-debian`);
  });
}
