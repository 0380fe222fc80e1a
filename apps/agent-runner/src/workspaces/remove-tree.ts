import { spawn } from 'node:child_process';
import { chmod, lstat, readdir, rm, rmdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';

/** For what belongs to an agent; what is left then is tried again later. */
const REMOVE_MS = 60_000;
const DETAIL_LIMIT = 2 * 1024;
/** Follows no link. What a program made read-only, as Go does with its module cache, is opened first. */
const EMPTY = `find "$1" -mindepth 1 -delete 2>/dev/null && exit
find "$1" -type d ! -perm -700 -exec chmod u+rwx {} \\;
find "$1" -mindepth 1 -delete`;

/** Removes a folder that no other user can rename, with all that is in it; no error when it is not there. */
export async function removeTree(folder: string, timeoutMs = REMOVE_MS): Promise<void> {
  if (process.getuid?.() !== 0) return removeOwn(folder);
  return removeAsOwners(folder, AbortSignal.timeout(timeoutMs));
}

/**
 * For root. A path below a folder that an agent may change leads where the agent wants, from one moment to the next, so
 * root takes no step in there: what belongs to an agent is removed with the agent's own rights.
 */
async function removeAsOwners(path: string, signal: AbortSignal): Promise<void> {
  const found = await lstat(path).catch(absent);
  if (!found) return;
  signal.throwIfAborted();
  if (!found.isDirectory()) {
    await unlink(path);
    return;
  }
  if (found.uid === 0) {
    // From now on only root changes what is in it, and others can get to what is theirs in it.
    await chmod(path, 0o711);
    for (const name of await readdir(path)) await removeAsOwners(join(path, name), signal);
  } else {
    await emptyAs(found, path, signal);
  }
  await rmdir(path);
}

function emptyAs({ uid, gid }: { uid: number; gid: number }, folder: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('/bin/sh', ['-c', EMPTY, 'purser-remove', folder], {
      cwd: '/',
      env: { PATH: '/usr/bin:/bin' },
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true,
      // Node takes ids as signed numbers.
      uid: uid | 0,
      gid: gid | 0,
    });
    let detail = '';
    child.stderr.on('data', (chunk: Buffer) => {
      if (detail.length < DETAIL_LIMIT) detail += chunk.toString('utf8');
    });
    const stop = () => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      } catch {
        // It has ended meanwhile.
      }
    };
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    child.on('error', reject);
    child.on('close', (code) => {
      signal.removeEventListener('abort', stop);
      if (code === 0) resolve();
      else reject(new Error(`uid ${uid} could not empty ${folder}: ${detail.trim() || 'not done in time'}`));
    });
  });
}

/** As a normal user, agents have the same rights as Purser anyway. */
async function removeOwn(folder: string): Promise<void> {
  try {
    await rm(folder, { recursive: true, force: true });
  } catch (error) {
    if (!['EACCES', 'EPERM', 'ENOTEMPTY'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    await openUp(folder);
    await rm(folder, { recursive: true, force: true, maxRetries: 2 });
  }
}

async function openUp(folder: string): Promise<void> {
  await chmod(folder, 0o700);
  for (const entry of await readdir(folder, { withFileTypes: true }))
    if (entry.isDirectory()) await openUp(join(folder, entry.name));
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT') return undefined;
  throw error;
}
