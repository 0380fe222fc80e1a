import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { runGuarded } from '@purser/guard';
import { movedOn, type Submodule, submodulesOf } from './index-entries.js';
import { openWorkTree, whyOf } from './open-work-tree.js';

export interface CommitRequest {
  workspace: string;
  message: string;
  timeoutMs: number;
  /** Marks the processes. */
  sessionId: string;
  /** How long they may go on from now without this process. */
  aliveWithinMs?: () => number;
  /** Aborted: it is to be given up. */
  signal?: AbortSignal;
}

/** `moved`: submodules that are at another commit than before, which is not committed. */
export type CommitResult =
  | { kind: 'committed'; commit: string; moved?: readonly string[] }
  | { kind: 'nothing'; moved?: readonly string[] }
  | { kind: 'failed'; detail: string };

/** No signing, no programs that the repository's configuration names for these steps. */
const SETTINGS = ['commit.gpgSign=false', 'gc.auto=0', 'maintenance.auto=false', 'diff.ignoreSubmodules=all'];
/** The end of a step that found nothing to commit; git's own are 1 and 128. */
const NOTHING = 79;
/** Nothing of the shell's is in the arguments: the message and the paths come as variables. */
const STEPS = [
  'printf "%s\\n" "$PURSER_COMMIT_PATHS" | git "$@" add --all --pathspec-from-file=- || exit',
  'git "$@" diff --cached --quiet --no-ext-diff --no-textconv',
  `case $? in 0) exit ${NOTHING} ;; 1) ;; *) exit 1 ;; esac`,
  'git "$@" commit --quiet --no-verify --message "$PURSER_COMMIT_MESSAGE" || exit',
  'git "$@" rev-parse --short HEAD',
].join('\n');

const IDENTITY = {
  GIT_AUTHOR_NAME: 'Purser',
  GIT_AUTHOR_EMAIL: 'purser@localhost',
  GIT_COMMITTER_NAME: 'Purser',
  GIT_COMMITTER_EMAIL: 'purser@localhost',
};

/** Switches off every filter and hook that the configuration names. Those would run a program. */
export function withoutPrograms(names: readonly string[]): string[] {
  const named = new Set(names.flatMap((name) => /^((?:filter|hook)\..+)\.[^.]+$/is.exec(name)?.[1] ?? []));
  return [...named].flatMap((one) => {
    // `-c` takes what follows the first = as the value, so such a name cannot be given there.
    if (/[=\n]/.test(one))
      throw new Error(`its configuration has a filter or hook of a name that is not allowed: ${one}`);
    if (/^hook\./i.test(one)) return [`${one}.enabled=false`];
    return [`${one}.clean=`, `${one}.smudge=`, `${one}.process=`, `${one}.required=false`];
  });
}

/**
 * All but the submodules that are known already: git would have each of them tell its state, by the programs that the
 * submodule's configuration names. One that is new is added without a look into it.
 */
function pathsBut(submodules: readonly Submodule[]): string {
  const odd = submodules.find(({ path }) => path.includes('\n'));
  if (odd !== undefined) throw new Error(`it has a submodule of a name that is not allowed: ${odd.path}`);
  return ['.', ...submodules.map(({ path }) => `:(exclude,top,literal)${path}`)].join('\n');
}

/**
 * Commits all changes on the current branch, if the workspace is a git repository. Run as the owner of the workspace and
 * under a guard: whatever a repository makes git start must have no more rights than the session had, and not outlive it.
 */
export async function commitWorkspace(request: CommitRequest): Promise<CommitResult> {
  const { workspace, message, timeoutMs, sessionId, aliveWithinMs, signal } = request;
  const until = performance.now() + timeoutMs;
  const late = (): CommitResult => ({
    kind: 'failed',
    detail: signal?.aborted ? 'it was given up' : `not done within ${Math.round(timeoutMs)} ms`,
  });
  if (!(await lstat(join(workspace, '.git')).catch(() => undefined))) return { kind: 'nothing' };
  if (timeoutMs <= 0) return { kind: 'failed', detail: 'the lease is over' };
  try {
    const tree = await openWorkTree(workspace, timeoutMs, signal);
    if (!tree) return { kind: 'nothing' };
    const submodules = await submodulesOf(tree);
    const paths = pathsBut(submodules);
    const moved = await movedOn(tree, submodules);
    const left = moved.length > 0 && { moved };
    const settings = [...SETTINGS, ...withoutPrograms(tree.settings)].flatMap((setting) => ['-c', setting]);
    const leftMs = until - performance.now();
    if (leftMs <= 0 || signal?.aborted) return late();
    const end = await runGuarded({
      id: sessionId,
      argv: ['/bin/sh', '-c', STEPS, 'purser-commit', ...tree.args, ...settings],
      cwd: workspace,
      env: { ...tree.env, ...IDENTITY, PURSER_COMMIT_MESSAGE: message, PURSER_COMMIT_PATHS: paths },
      timeoutMs: leftMs,
      ...(tree.owner && { runAs: tree.owner }),
      ...(aliveWithinMs && { aliveWithinMs }),
      ...(signal && { signal }),
    });
    if (end.code === 0) return { kind: 'committed', commit: end.stdout.trim(), ...left };
    if (end.code === NOTHING) return { kind: 'nothing', ...left };
    if (end.timedOut) return late();
    return { kind: 'failed', detail: end.stderr.trim() || `git ended with ${end.code}` };
  } catch (error) {
    const { killed } = error as { killed?: boolean };
    return killed === true || signal?.aborted ? late() : { kind: 'failed', detail: whyOf(error) };
  }
}
