import { execFile } from 'node:child_process';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { reasonOf } from './embedded-error.js';
import { inWorkFolder, keepInCache } from './nats-cache.js';
import { usableNatsVersion } from './nats-version.js';

const run = promisify(execFile);

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

async function apt(folder: string, args: string[], timeout: number, env: NodeJS.ProcessEnv): Promise<void> {
  const network = ['Acquire::Retries=1', 'Acquire::http::Timeout=10', 'Acquire::https::Timeout=10'];
  try {
    await run('apt-get', ['-q', ...network.flatMap((option) => ['-o', option]), ...args], {
      cwd: folder,
      timeout,
      env: { ...env, LC_ALL: 'C' },
    });
  } catch (error) {
    const { stderr, code } = error as { stderr?: string; code?: unknown };
    if (code === 'ENOENT') throw new Error('this machine has no apt-get', { cause: error });
    const said =
      stderr
        ?.split('\n')
        .filter((line) => line.startsWith('E:'))
        .join(' ') ?? '';
    throw new Error(said === '' ? reasonOf(error) : said, { cause: error });
  }
}

/**
 * Unpacks Debian's package into the cache. It is never installed: its service would start, and take the port.
 */
export async function unpackDebianNats(cacheDir: string, env: NodeJS.ProcessEnv): Promise<string> {
  return inWorkFolder(cacheDir, async (folder) => {
    try {
      await apt(folder, ['download', 'nats-server'], 60_000, env);
    } catch {
      // The machine's package lists are empty or old, as in most images: fetch our own.
      const own = await privateState(folder);
      await apt(folder, [...own, 'update'], 90_000, env);
      await apt(folder, [...own, 'download', 'nats-server'], 60_000, env);
    }
    const deb = (await readdir(folder)).find((name) => name.endsWith('.deb'));
    if (deb === undefined) throw new Error('apt-get download left no package');
    await run('dpkg-deb', ['-x', deb, 'unpacked'], { cwd: folder, timeout: 60_000, env });
    const bin = join(folder, 'unpacked', 'usr', 'sbin', 'nats-server');
    const version = await usableNatsVersion(bin);
    return keepInCache(bin, cacheDir, `nats-server-v${version}-debian`);
  });
}
