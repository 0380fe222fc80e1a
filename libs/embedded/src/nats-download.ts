import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { inWorkFolder, keepInCache } from './nats-cache.js';
import type { NatsRelease } from './nats-release.js';
import { runGroup } from './run-group.js';

/** Release archives are about 7 MB. */
const MAX_ARCHIVE_BYTES = 64 * 1024 * 1024;

export interface DownloadOptions {
  release: NatsRelease;
  /** As in `NATS_RELEASE.sha256`: `linux-amd64` and the like. */
  platform: string;
  baseUrl: string;
  cacheDir: string;
  /** How long the server may take to begin its answer. A network that swallows packets must not delay a start. */
  answerTimeoutMs: number;
  totalTimeoutMs: number;
  /** With the PATH that tar is found on. */
  env: NodeJS.ProcessEnv;
  /** Aborted: nobody wants it any more. */
  signal: AbortSignal | undefined;
}

/** Writes the answer's body to a file and returns its SHA-256. */
async function fetchTo(file: string, url: string, options: DownloadOptions): Promise<string> {
  const answering = new AbortController();
  const timer = setTimeout(
    () => answering.abort(new Error(`no answer within ${options.answerTimeoutMs / 1000} s`)),
    options.answerTimeoutMs,
  );
  const signal = AbortSignal.any([
    answering.signal,
    AbortSignal.timeout(options.totalTimeoutMs),
    ...(options.signal ? [options.signal] : []),
  ]);
  const response = await fetch(url, { signal }).finally(() => clearTimeout(timer));
  if (!response.ok || response.body === null) {
    await response.body?.cancel();
    throw new Error(`${url} answered with HTTP ${response.status}`);
  }
  const hash = createHash('sha256');
  const target = await open(file, 'wx', 0o600);
  try {
    let bytes = 0;
    for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
      bytes += chunk.byteLength;
      if (bytes > MAX_ARCHIVE_BYTES) throw new Error(`${url} is larger than ${MAX_ARCHIVE_BYTES} bytes`);
      hash.update(chunk);
      await target.write(chunk);
    }
  } finally {
    await target.close();
  }
  return hash.digest('hex');
}

/** Downloads the pinned release into the cache. Nothing of it is unpacked or run before its SHA-256 is right. */
export async function downloadNats(options: DownloadOptions): Promise<string> {
  const { release, platform, cacheDir } = options;
  const expected = release.sha256[platform];
  if (expected === undefined) {
    throw new Error(
      `no SHA-256 of release ${release.version} is known for ${platform} (only for ${Object.keys(release.sha256).join(', ')})`,
    );
  }
  const name = `nats-server-v${release.version}-${platform}`;
  const url = `${options.baseUrl}/v${release.version}/${name}.tar.gz`;
  return inWorkFolder(cacheDir, async (folder) => {
    const archive = join(folder, 'archive.tar.gz');
    const actual = await fetchTo(archive, url, options);
    if (actual !== expected) {
      throw new Error(`${url} has SHA-256 ${actual}, expected ${expected}; it was thrown away`);
    }
    const { env, signal } = options;
    await runGroup('tar', ['-xzf', archive, `${name}/nats-server`], { cwd: folder, env, timeoutMs: 60_000, signal });
    return keepInCache(join(folder, name, 'nats-server'), cacheDir, name);
  });
}
