import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { eventually } from './eventually.js';

const run = promisify(execFile);

const ENVIRONMENT = {
  PATH: process.env.PATH ?? '/usr/bin:/bin',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'Ada',
  GIT_AUTHOR_EMAIL: 'ada@example.org',
  GIT_COMMITTER_NAME: 'Ada',
  GIT_COMMITTER_EMAIL: 'ada@example.org',
};

export interface GitRemoteOptions {
  /** Beside this machine's own addresses: where it is to be reached from. */
  host?: string;
}

/** A bare repository that a `git daemon` serves, for reading and writing. */
export class GitRemote {
  private constructor(
    readonly url: string,
    /** The repository itself, to look into it. */
    readonly path: string,
    private readonly root: string,
    private readonly daemon: ReturnType<typeof spawn>,
  ) {}

  /** `files`: of the first commit, on `main`. */
  static async start(
    name: string,
    files: Record<string, string>,
    { host = '127.0.0.1' }: GitRemoteOptions = {},
  ): Promise<GitRemote> {
    const root = await mkdtemp(join(tmpdir(), 'purser-git-'));
    const path = join(root, name);
    await mkdir(dirname(path), { recursive: true });
    await run('git', ['init', '--quiet', '--bare', '--initial-branch=main', path], { env: ENVIRONMENT });
    const port = await freePort(host);
    // One that was killed cannot end its children: each serves one connection, and ends with it.
    const args = ['--reuseaddr', '--export-all', '--enable=receive-pack', `--listen=${host}`, `--port=${port}`];
    const daemon = spawn('git', ['daemon', ...args, `--base-path=${root}`, root], {
      env: ENVIRONMENT,
      stdio: 'ignore',
    });
    const remote = new GitRemote(`git://${host}:${port}/${name}`, path, root, daemon);
    await remote.commit('main', files, 'Begin');
    await eventually(() => run('git', ['ls-remote', remote.url], { env: ENVIRONMENT }));
    return remote;
  }

  /** Somebody else's commit on a branch, which is made when it is not there. @returns the commit */
  async commit(branch: string, files: Record<string, string>, message = 'Change'): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'purser-git-clone-'));
    try {
      await this.git('clone', '--quiet', this.path, folder);
      const there = await this.tip(branch);
      const checkout = there === undefined ? ['-B', branch] : ['-B', branch, `origin/${branch}`];
      await this.git('-C', folder, 'checkout', '--quiet', ...checkout);
      for (const [name, text] of Object.entries(files)) {
        await mkdir(dirname(join(folder, name)), { recursive: true });
        await writeFile(join(folder, name), text);
      }
      await this.git('-C', folder, 'add', '--all');
      await this.git('-C', folder, 'commit', '--quiet', '--message', message);
      await this.git('-C', folder, 'push', '--quiet', 'origin', branch);
      return await this.git('-C', folder, 'rev-parse', 'HEAD');
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  /** Where a branch is. */
  async tip(branch: string): Promise<string | undefined> {
    return this.git('-C', this.path, 'rev-parse', '--verify', '--quiet', `refs/heads/${branch}`).catch(() => undefined);
  }

  /** A file as it is on a branch. */
  show(branch: string, file: string): Promise<string> {
    return this.git('-C', this.path, 'show', `${branch}:${file}`);
  }

  async git(...args: string[]): Promise<string> {
    const { stdout } = await run('git', args, { env: ENVIRONMENT });
    return stdout.trim();
  }

  async stop(): Promise<void> {
    const ended = once(this.daemon, 'exit');
    this.daemon.kill('SIGTERM');
    await ended;
    await rm(this.root, { recursive: true, force: true });
  }
}

async function freePort(host: string): Promise<number> {
  const server = createServer().listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
