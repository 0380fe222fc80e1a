import { execFile } from 'node:child_process';
import { lstat, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { LeadsOut, type Look, namesSet } from './repository-settings.js';

const run = promisify(execFile);
/** Names of a very large index, or a configuration. */
const MOST_BYTES = 256 * 1024 * 1024;

/** What has git read or write elsewhere, look for its objects there, or wait for ever. Hooks are never run, and submodules not visited. */
const LEADS_OUT = [
  ['.git', '-path', '.git/hooks', '-prune', '-o', '-path', '.git/modules', '-prune', '-o'],
  [
    '(',
    '-type',
    'l',
    '-o',
    '-type',
    'p',
    '-o',
    '-path',
    '.git/commondir',
    '-o',
    '-path',
    '.git/objects/info/alternates',
  ],
  ['-o', '-path', '.git/objects/info/http-alternates', ')', '-print'],
].flat();

/** A repository that an agent wrote, found to keep git within its folder. */
export interface OpenWorkTree {
  folder: string;
  /** Whom it belongs to, when that is not who runs this: only the owner's rights are used in it. */
  owner: { uid: number; gid: number } | undefined;
  env: Record<string, string>;
  /** Before git's command. */
  args: readonly string[];
  /** Names of all that its configuration sets. */
  settings: readonly string[];
  /** For what only reads, and starts no program; within the time that it was opened with. */
  git: (...args: string[]) => Promise<string>;
  /** The commit that a repository in it is at. */
  headOf: (path: string, withinMs: number) => Promise<string>;
}

/** It is the repository's own fault: git would end like this at any other time as well. */
export const isUnusable = (error: unknown): boolean =>
  error instanceof LeadsOut || typeof (error as { code?: unknown }).code === 'number';

/** In git's own words, if it had any. */
export function whyOf(error: unknown): string {
  const { killed, stderr, message } = error as Error & { killed?: boolean; stderr?: string };
  return killed === true ? 'git was not done in time' : stderr?.trim() || message;
}

export async function ownerOf(folder: string): Promise<{ uid: number; gid: number } | undefined> {
  const { uid, gid } = await stat(folder);
  return process.getuid?.() === 0 && uid !== 0 ? { uid, gid } : undefined;
}

/** Nothing of the runner's environment, and no configuration but the repository's. */
function environment(folder: string): Record<string, string> {
  return {
    PATH: process.env.PATH ?? '/usr/local/bin:/usr/bin:/bin',
    HOME: folder,
    // Else git reads patterns below the home's `.config`, through links.
    XDG_CONFIG_HOME: '/dev/null',
    LC_ALL: 'C',
    GIT_CEILING_DIRECTORIES: join(folder, '..'),
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    // A repository that lacks objects would fetch them, by a command that it names.
    GIT_ALLOW_PROTOCOL: 'none',
    GIT_NO_LAZY_FETCH: '1',
  };
}

/**
 * Opens the repository in a folder; undefined when there is none. The runner's git can read more than the session that
 * wrote the repository (a container sees none of the runner's files): whatever would have it read or write outside of
 * the folder is refused. All steps in a work tree begin here, when no process of the session is alive.
 */
export async function openWorkTree(
  folder: string,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<OpenWorkTree | undefined> {
  const until = performance.now() + timeoutMs;
  const repository = join(folder, '.git');
  const found = await lstat(repository).catch(() => undefined);
  if (!found) return undefined;
  if (!found.isDirectory()) throw new LeadsOut('.git is no folder of the workspace');
  const owner = await ownerOf(folder);
  const env = environment(folder);
  const lookUntil = async (end: number, program: string, args: readonly string[], cwd = '/') => {
    const { stdout } = await run(program, [...args], {
      cwd,
      env,
      // Node takes whole milliseconds alone, and 0 for no limit.
      timeout: Math.max(1, Math.ceil(end - performance.now())),
      ...(signal && { signal }),
      killSignal: 'SIGKILL',
      maxBuffer: MOST_BYTES,
      ...owner,
    });
    return stdout;
  };
  const look: Look = (program, args, cwd) => lookUntil(until, program, args, cwd);
  const headIn = async (path: string, withinMs: number) => {
    const args = ['--git-dir', join(folder, path, '.git'), 'rev-parse', '--verify', '--quiet', 'HEAD'];
    return (await lookUntil(Math.min(until, performance.now() + withinMs), 'git', args)).trim();
  };
  const [leading] = (await look('find', LEADS_OUT, folder)).split('\n');
  if (leading) throw new LeadsOut(`${leading} may lead out of the workspace, or is no plain file; remove it`);
  const settings = await namesSet(folder, look);
  const args = ['-C', folder, '--git-dir', repository, '--work-tree', folder];
  args.push('-c', 'core.fsmonitor=false', '-c', 'core.untrackedCache=false', '-c', 'core.hooksPath=/dev/null');
  return { folder, owner, env, args, settings, git: (...more) => look('git', [...args, ...more]), headOf: headIn };
}
