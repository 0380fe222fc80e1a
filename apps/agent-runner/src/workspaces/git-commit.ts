import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { runGuarded } from '@purser/guard';

const run = promisify(execFile);

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

export type CommitResult =
  { kind: 'committed'; commit: string } | { kind: 'nothing' } | { kind: 'failed'; detail: string };

/** No hooks, no signing, no programs that the repository's configuration names for these steps. */
const SETTINGS = [
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  'commit.gpgSign=false',
  'gc.auto=0',
  'maintenance.auto=false',
  'diff.ignoreSubmodules=all',
];
/** The end of a step that found nothing to commit; git's own are 1 and 128. */
const NOTHING = 79;
/** Nothing of the shell's is in the arguments: the message comes as a variable. */
const STEPS = [
  'git "$@" add --all || exit',
  'git "$@" diff --cached --quiet --no-ext-diff --no-textconv',
  `case $? in 0) exit ${NOTHING} ;; 1) ;; *) exit 1 ;; esac`,
  'git "$@" commit --quiet --no-verify --message "$PURSER_COMMIT_MESSAGE" || exit',
  'git "$@" rev-parse --short HEAD',
].join('\n');

/** Nothing of the runner's environment, and no configuration but the repository's. */
function environment(workspace: string): Record<string, string> {
  return {
    PATH: process.env.PATH ?? '/usr/local/bin:/usr/bin:/bin',
    HOME: workspace,
    GIT_CEILING_DIRECTORIES: join(workspace, '..'),
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    // A repository that lacks objects would fetch them, by a command that it names.
    GIT_ALLOW_PROTOCOL: 'none',
    GIT_NO_LAZY_FETCH: '1',
    GIT_AUTHOR_NAME: 'Purser',
    GIT_AUTHOR_EMAIL: 'purser@localhost',
    GIT_COMMITTER_NAME: 'Purser',
    GIT_COMMITTER_EMAIL: 'purser@localhost',
  };
}

/** Switches off every filter that the configuration names. Those would run a program for each file. */
export function withoutFilters(names: readonly string[]): string[] {
  const filters = new Set(names.flatMap((name) => /^(filter\..+)\.[^.]+$/is.exec(name)?.[1] ?? []));
  return [...filters].flatMap((filter) => {
    // `-c` takes what follows the first = as the value, so such a name cannot be given there.
    if (/[=\n]/.test(filter))
      throw new Error(`its configuration has a filter of a name that is not allowed: ${filter}`);
    return [`${filter}.clean=`, `${filter}.smudge=`, `${filter}.process=`, `${filter}.required=false`];
  });
}

/** Starts no other program: it only reads files. */
async function configured(request: CommitRequest, user: { uid?: number; gid?: number }): Promise<string[]> {
  const { workspace, timeoutMs } = request;
  const { stdout } = await run('git', ['-C', workspace, 'config', '--list', '--name-only', '-z'], {
    cwd: '/',
    env: environment(workspace),
    // Node takes whole milliseconds alone.
    timeout: Math.ceil(timeoutMs),
    killSignal: 'SIGKILL',
    ...user,
  });
  return stdout.split('\0').filter((name) => name !== '');
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
  const repository = await stat(join(workspace, '.git')).catch(() => undefined);
  if (!repository) return { kind: 'nothing' };
  if (timeoutMs <= 0) return { kind: 'failed', detail: 'the lease is over' };
  try {
    const { uid, gid } = await stat(workspace);
    const other = process.getuid?.() === 0 && uid !== 0;
    const filters = withoutFilters(await configured(request, other ? { uid, gid } : {}));
    const settings = [...SETTINGS, ...filters].flatMap((setting) => ['-c', setting]);
    const leftMs = until - performance.now();
    if (leftMs <= 0 || signal?.aborted) return late();
    const end = await runGuarded({
      id: sessionId,
      argv: ['/bin/sh', '-c', STEPS, 'purser-commit', ...settings],
      cwd: workspace,
      env: { ...environment(workspace), PURSER_COMMIT_MESSAGE: message },
      timeoutMs: leftMs,
      ...(other && { runAs: { uid, gid } }),
      ...(aliveWithinMs && { aliveWithinMs }),
      ...(signal && { signal }),
    });
    if (end.code === 0) return { kind: 'committed', commit: end.stdout.trim() };
    if (end.code === NOTHING) return { kind: 'nothing' };
    if (end.timedOut) return late();
    return { kind: 'failed', detail: end.stderr.trim() || `git ended with ${end.code}` };
  } catch (error) {
    const { killed, stderr, message: said } = error as Error & { killed?: boolean; stderr?: string };
    return killed === true ? late() : { kind: 'failed', detail: stderr?.trim() || said };
  }
}
