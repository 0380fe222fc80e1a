import { execFile } from 'node:child_process';
import { lstat, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { runGuarded } from '@purser/guard';
import { localEnvironment } from './git-environment.js';
import type { GitTurn } from './mirrors.service.js';

const run = promisify(execFile);
const LOOK_MS = 10_000;

/** Whom a folder belongs to, when that is not who runs this: only the owner's rights are used in it. */
async function ownerOf(folder: string): Promise<{ uid: number; gid: number } | undefined> {
  const { uid, gid } = await stat(folder);
  return process.getuid?.() === 0 && uid !== 0 ? { uid, gid } : undefined;
}

async function read(folder: string, args: string[]): Promise<string> {
  const { stdout } = await run('git', ['-C', folder, '-c', 'core.fsmonitor=false', ...args], {
    cwd: '/',
    env: { ...localEnvironment(process.env.PATH), GIT_ALLOW_PROTOCOL: 'none', GIT_NO_LAZY_FETCH: '1' },
    timeout: LOOK_MS,
    killSignal: 'SIGKILL',
    ...(await ownerOf(folder)),
  });
  return stdout.trim();
}

/** The commit that a work tree is at; undefined when it is none. */
export async function headOf(folder: string): Promise<string | undefined> {
  // Not one that a folder above happens to be in.
  if (!(await lstat(join(folder, '.git')).catch(() => undefined))?.isDirectory()) return undefined;
  return read(folder, ['rev-parse', '--verify', '--quiet', 'HEAD^{commit}']).catch(() => undefined);
}

/** Whether a work tree is at a commit or further on. */
export async function contains(folder: string, commit: string): Promise<boolean> {
  return read(folder, ['merge-base', '--is-ancestor', commit, 'HEAD']).then(
    () => true,
    () => false,
  );
}

const bundleIn = (folder: string) => join(folder, '.git', 'purser.bundle');

/** What a tree's HEAD has beyond a commit, as one file: that can be read without trusting the repository it is from. */
export async function bundleOf(turn: GitTurn, folder: string, beyond: string): Promise<string> {
  const file = bundleIn(folder);
  const { sessionId, timeoutMs, aliveWithinMs, signal } = turn;
  const owner = await ownerOf(folder);
  const script = `git merge-base --is-ancestor "$2" HEAD 2>/dev/null && { git bundle create --quiet "$1" HEAD "^$2"; exit; }
git bundle create --quiet "$1" HEAD`;
  const end = await runGuarded({
    id: `${sessionId}-bundle`,
    argv: ['/bin/sh', '-c', script, 'purser-bundle', file, beyond],
    cwd: folder,
    env: { ...localEnvironment(process.env.PATH), GIT_ALLOW_PROTOCOL: 'none', GIT_NO_LAZY_FETCH: '1' },
    timeoutMs,
    aliveWithinMs,
    ...(signal && { signal }),
    ...(owner && { runAs: owner }),
  });
  if (end.code === 0) return file;
  throw new Error(end.timedOut ? 'its commits could not be gathered in time' : end.stderr.trim());
}

/** One that stays is overwritten the next time. */
export async function removeBundle(folder: string): Promise<void> {
  await run('rm', ['-f', bundleIn(folder)], { cwd: '/', timeout: LOOK_MS, ...(await ownerOf(folder)) }).catch(
    () => undefined,
  );
}
