import { access, constants, stat } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { EmbeddedError, reasonOf, type FailedStep } from './embedded-error.js';
import { cachedBinaries } from './nats-cache.js';
import { unpackDebianNats } from './nats-debian.js';
import { downloadNats } from './nats-download.js';
import { NATS_RELEASE, NATS_RELEASES_URL, releasePlatform, type NatsRelease } from './nats-release.js';
import { usableNatsVersion } from './nats-version.js';

/** Where distributions put servers; not on the PATH of every user. */
const SERVER_FOLDERS = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/opt/homebrew/bin'];

export interface FindNatsOptions {
  /** NATS_SERVER_BIN, and the PATH on which nats-server, tar and apt-get are found. */
  env: NodeJS.ProcessEnv;
  /** Keeps what was downloaded; created when it is missing. */
  cacheDir: string;
  log?: (message: string) => void;
  /** The release to download, and from where: a mirror, or a file server in a test. */
  release?: NatsRelease;
  releasesUrl?: string;
  /** Where to look besides PATH. */
  serverFolders?: readonly string[];
  answerTimeoutMs?: number;
  totalTimeoutMs?: number;
  /** Aborted: it rejects with the signal's reason, once no program runs and no partial file is left. */
  signal?: AbortSignal;
}

export interface FoundNats {
  path: string;
  version: string;
  from: 'NATS_SERVER_BIN' | 'PATH' | 'cache' | 'download' | 'debian';
}

async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

const NONE = 'No usable nats-server was found on this machine, and none could be fetched:';

function notFound(steps: FailedStep[], what: string): EmbeddedError {
  return new EmbeddedError(
    'nats_not_found',
    what,
    'Install one (https://nats.io/download, `brew install nats-server`) and set NATS_SERVER_BIN=/path/to/nats-server, or set PURSER_NATS_URL to a server that runs already.',
    { steps },
  );
}

async function candidatesOnPath(options: FindNatsOptions): Promise<string[]> {
  const folders = [...(options.env.PATH ?? '').split(delimiter), ...(options.serverFolders ?? SERVER_FOLDERS)];
  const files = [...new Set(folders.filter((folder) => folder !== ''))].map((folder) => join(folder, 'nats-server'));
  const usable = await Promise.all(files.map(isProgram));
  return files.filter((_, index) => usable[index]);
}

/**
 * Finds a nats-server: NATS_SERVER_BIN, PATH, the cache, the pinned release, Debian's package; in this order.
 * @throws EmbeddedError `nats_not_found` that lists each step and why it failed. A NATS_SERVER_BIN that does not work
 * is an error at once: what was asked for by name is not replaced silently.
 */
export async function findNatsServer(options: FindNatsOptions): Promise<FoundNats> {
  const steps: FailedStep[] = [];
  const failed = (step: string, error: unknown): void => {
    const reason = error instanceof Error ? reasonOf(error) : String(error);
    steps.push({ step, reason });
    options.log?.(`nats-server: ${step}: ${reason}`);
  };
  const attempt = async (
    from: FoundNats['from'],
    step: string,
    provide: () => string | Promise<string>,
  ): Promise<FoundNats | undefined> => {
    try {
      const path = await provide();
      return { path, version: await usableNatsVersion(path), from };
    } catch (error) {
      options.signal?.throwIfAborted();
      failed(step, error);
      return undefined;
    }
  };

  const named = options.env.NATS_SERVER_BIN;
  if (named !== undefined && named !== '') {
    const found = await attempt('NATS_SERVER_BIN', `NATS_SERVER_BIN=${named}`, () => named);
    if (found) return found;
    throw notFound(steps, 'The nats-server that NATS_SERVER_BIN names cannot be used, and no other was looked for:');
  }
  steps.push({ step: 'NATS_SERVER_BIN', reason: 'not set' });

  const onPath = await candidatesOnPath(options);
  for (const path of onPath) {
    const found = await attempt('PATH', path, () => path);
    if (found) return found;
  }
  if (onPath.length === 0) failed('PATH', 'no nats-server in it or in the usual server folders');

  let cached: string[];
  try {
    cached = await cachedBinaries(options.cacheDir);
  } catch (error) {
    failed(`cache ${options.cacheDir}`, error);
    throw notFound(steps, NONE);
  }
  for (const path of cached) {
    const found = await attempt('cache', path, () => path);
    if (found) return found;
  }

  const release = options.release ?? NATS_RELEASE;
  options.log?.(`nats-server: downloading release ${release.version}`);
  const downloaded = await attempt('download', `download of release ${release.version}`, () =>
    downloadNats({
      release,
      platform: releasePlatform(process.platform, process.arch),
      baseUrl: options.releasesUrl ?? NATS_RELEASES_URL,
      cacheDir: options.cacheDir,
      env: options.env,
      answerTimeoutMs: options.answerTimeoutMs ?? 8_000,
      totalTimeoutMs: options.totalTimeoutMs ?? 120_000,
      signal: options.signal,
    }),
  );
  if (downloaded) return downloaded;

  if (process.platform === 'linux') {
    options.log?.("nats-server: unpacking Debian's package");
    const unpacked = await attempt('debian', "Debian's package", () =>
      unpackDebianNats(options.cacheDir, options.env, options.signal),
    );
    if (unpacked) return unpacked;
  }
  throw notFound(steps, NONE);
}
