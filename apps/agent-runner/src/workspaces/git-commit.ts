import { spawn } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';

export interface CommitRequest {
  workspace: string;
  message: string;
  timeoutMs: number;
}

export type CommitResult =
  { kind: 'committed'; commit: string } | { kind: 'nothing' } | { kind: 'failed'; detail: string };

/** No hooks, no signing, no programs that the repository's configuration names for these steps. */
const SETTINGS = ['core.hooksPath=/dev/null', 'commit.gpgSign=false', 'core.fsmonitor=false', 'gc.auto=0'].flatMap(
  (setting) => ['-c', setting],
);
const OUTPUT_LIMIT = 4 * 1024;

interface Outcome {
  code: number | null;
  output: string;
}

interface Owner {
  uid?: number;
  gid?: number;
}

function git(workspace: string, args: readonly string[], owner: Owner, signal: AbortSignal): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn('git', [...SETTINGS, '-C', workspace, ...args], {
      cwd: '/',
      // Nothing of the runner's environment: what the repository configures (filters) runs with it.
      env: {
        PATH: process.env.PATH,
        HOME: workspace,
        GIT_CEILING_DIRECTORIES: join(workspace, '..'),
        GIT_TERMINAL_PROMPT: '0',
        GIT_AUTHOR_NAME: 'Purser',
        GIT_AUTHOR_EMAIL: 'purser@localhost',
        GIT_COMMITTER_NAME: 'Purser',
        GIT_COMMITTER_EMAIL: 'purser@localhost',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
      ...owner,
    });
    let output = '';
    const take = (chunk: Buffer) => {
      if (output.length < OUTPUT_LIMIT) output += chunk.toString('utf8');
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    const stop = () => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      } catch {
        // It has ended meanwhile.
      }
    };
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop);
    child.on('error', reject);
    child.on('close', (code) => {
      signal.removeEventListener('abort', stop);
      stop();
      resolve({ code, output: output.trim() });
    });
  });
}

/**
 * Commits all changes on the current branch, if the workspace is a git repository. Run as the owner of the workspace:
 * its configuration may name programs, and those must have no more rights than the session had.
 */
export async function commitWorkspace({ workspace, message, timeoutMs }: CommitRequest): Promise<CommitResult> {
  const repository = await stat(join(workspace, '.git')).catch(() => undefined);
  if (!repository) return { kind: 'nothing' };
  const { uid, gid } = await stat(workspace);
  const owner = process.getuid?.() === 0 ? { uid, gid } : {};
  const signal = AbortSignal.timeout(timeoutMs);
  const run = (...args: string[]) => git(workspace, args, owner, signal);
  const failed = ({ code, output }: Outcome): CommitResult => ({
    kind: 'failed',
    detail: signal.aborted ? `not done within ${timeoutMs} ms` : output || `git ended with ${code}`,
  });
  try {
    const added = await run('add', '--all');
    if (added.code !== 0) return failed(added);
    const same = await run('diff', '--cached', '--quiet', '--no-ext-diff');
    if (same.code === 0) return { kind: 'nothing' };
    const committed = await run('commit', '--quiet', '--no-verify', '--message', message);
    if (committed.code !== 0) return failed(committed);
    const head = await run('rev-parse', '--short', 'HEAD');
    return head.code === 0 ? { kind: 'committed', commit: head.output } : failed(head);
  } catch (error) {
    return { kind: 'failed', detail: (error as Error).message };
  }
}
