import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { runGuarded } from '@purser/guard';
import type { GitTurn } from './mirrors.service.js';
import { type OpenWorkTree, openWorkTree, ownerOf } from './open-work-tree.js';

const run = promisify(execFile);
const LOOK_MS = 10_000;

/** What git answers with 0 or with 1; undefined for 1. Any other end is no answer. */
export async function asked(tree: OpenWorkTree, ...args: string[]): Promise<string | undefined> {
  try {
    return (await tree.git(...args)).trim();
  } catch (error) {
    if ((error as { code?: unknown }).code === 1) return undefined;
    throw error;
  }
}

export const headIn = (tree: OpenWorkTree) => asked(tree, 'rev-parse', '--verify', '--quiet', 'HEAD^{commit}');

/** The commit that a work tree is at; undefined when it is none. Rejects when git would be led out of it. */
export async function headOf(folder: string): Promise<string | undefined> {
  const tree = await openWorkTree(folder, LOOK_MS);
  return tree && headIn(tree);
}

const bundleIn = (folder: string) => join(folder, '.git', 'purser.bundle');

const BUNDLE = `file=$1 beyond=$2 && shift 2 || exit
git "$@" merge-base --is-ancestor "$beyond" HEAD 2>/dev/null && { git "$@" bundle create --quiet "$file" HEAD "^$beyond"; exit; }
git "$@" bundle create --quiet "$file" HEAD`;

/** What a tree's HEAD has beyond a commit, as one file: that can be read without trusting the repository it is from. */
export async function bundleOf(turn: GitTurn, folder: string, beyond: string): Promise<string> {
  const file = bundleIn(folder);
  const { sessionId, timeoutMs, aliveWithinMs, signal } = turn;
  const until = performance.now() + timeoutMs;
  const tree = await openWorkTree(folder, Math.min(LOOK_MS, timeoutMs), signal);
  if (!tree) throw new Error('the workspace is no git repository any more');
  const end = await runGuarded({
    id: `${sessionId}-bundle`,
    argv: ['/bin/sh', '-c', BUNDLE, 'purser-bundle', file, beyond, ...tree.args],
    cwd: folder,
    env: tree.env,
    timeoutMs: until - performance.now(),
    aliveWithinMs,
    ...(signal && { signal }),
    ...(tree.owner && { runAs: tree.owner }),
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
