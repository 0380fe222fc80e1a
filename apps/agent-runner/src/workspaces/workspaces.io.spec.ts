import { execFile, spawn } from 'node:child_process';
import { chmod, chown, mkdir, mkdtemp, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Bus } from '@purser/bus';
import { PurserError } from '@purser/contracts';
import { type Log, systemClock } from '@purser/service';
import { expectNoChildren } from '@purser/testing';
import type { Config } from '../config.js';
import type { SessionRecords } from '../sessions/session-records.js';
import type { Session } from '../sessions/session.js';
import { placeFolders } from './folders.js';
import { commitWorkspace } from './git-commit.js';
import { ownIdentity, stateOf } from './process-identity.js';
import { removeTree } from './remove-tree.js';
import { replaceWorkspace } from './replaced-workspace.js';
import type { WorkTrees } from './work-trees.service.js';
import { Workspaces } from './workspaces.service.js';

const run = promisify(execFile);
const asRoot = process.getuid?.() === 0;
const NOBODY = 65_534;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'purser-workspaces-'));
  await chmod(folder, 0o755);
});
afterEach(() => rm(folder, { recursive: true, force: true }));
afterAll(() => expectNoChildren());

const exists = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );

describe('the place', () => {
  it('is the data folder where programs can enter it, and nobody can list it', async () => {
    const home = join(folder, 'home');
    await mkdir(home, { mode: 0o755 });
    const folders = await placeFolders(home, []);
    expect(folders).toEqual({
      workspaces: join(home, 'workspaces'),
      sessions: join(home, 'sessions'),
      movedFrom: undefined,
    });
    expect((await stat(folders.workspaces)).mode & 0o777).toBe(0o711);
  });

  const itAsRoot = asRoot ? it : it.skip;
  itAsRoot(
    'is elsewhere, always the same, when the data folder is closed to the user that programs run as',
    async () => {
      const home = join(folder, 'closed');
      await mkdir(home, { mode: 0o700 });
      const open = join(folder, 'open');
      const first = await placeFolders(home, [join(folder, 'closed', 'no'), open]);
      expect(first.movedFrom).toBe(home);
      expect(first.workspaces.startsWith(`${open}/`)).toBe(true);
      await run('ls', ['-d', `${first.workspaces}/.`], { uid: NOBODY, gid: NOBODY, cwd: '/' });
      expect(await placeFolders(home, [open])).toEqual(first);
      await expect(placeFolders(home, [join(home, 'no')])).rejects.toThrow(/can enter neither .* chmod 755/);
    },
  );
});

describe('leftovers', () => {
  const quiet = { debug() {}, info() {}, warn() {}, error() {} } as unknown as Log;
  const open = async (tasksGet: () => Promise<unknown> = () => Promise.reject(new PurserError('unavailable'))) => {
    const trees = {
      open: () => Promise.resolve(undefined),
      load: () => Promise.resolve(),
      forget: () => Promise.resolve(),
    } as unknown as WorkTrees;
    const config = { PURSER_HOME: folder, PURSER_WORKSPACE_KEEP_HOURS: 24 } as Config;
    const workspaces = new Workspaces({ call: tasksGet } as unknown as Bus, systemClock, quiet, config, trees);
    await workspaces.open();
    return workspaces;
  };
  const records = {} as SessionRecords;
  const session = (taskId: string) => ({ assignment: { taskId, sessionId: `${taskId}-s1` } }) as Session;
  const hoursAgo = (hours: number) => new Date(Date.now() - hours * 3_600_000);

  it('tell a process from a later one with its number', async () => {
    const own = await ownIdentity();
    expect(await stateOf(own)).toBe('alive');
    expect(await stateOf({ ...own, startedAt: 'earlier' })).toBe('dead');
    expect(await stateOf({ ...own, host: 'another' })).toBe('elsewhere');
    const child = spawn('true');
    await once(child, 'exit');
    expect(await stateOf({ ...own, pid: child.pid! })).toBe('dead');
  });

  it('of a runner that was killed are removed, those of living and distant ones are not', async () => {
    const own = await ownIdentity();
    const put = async (name: string, owner: object) => {
      await mkdir(join(folder, 'sessions', name, 'session'), { recursive: true });
      await writeFile(join(folder, 'sessions', name, 'owner.json'), JSON.stringify(owner));
    };
    await put('killed', { ...own, startedAt: 'earlier' });
    await put('alive', own);
    await put('distant', { ...own, host: 'another' });
    await put('long-gone', { ...own, host: 'another' });
    await utimes(join(folder, 'sessions', 'long-gone', 'owner.json'), hoursAgo(30), hoursAgo(30));
    const workspaces = await open();
    const left = await readdir(join(folder, 'sessions'));
    expect(left).toHaveLength(3);
    expect(left).toEqual(expect.arrayContaining(['alive', 'distant']));
    await workspaces.close();
    expect((await readdir(join(folder, 'sessions'))).sort()).toEqual(['alive', 'distant']);
  });

  it('leave workspaces over sessions, and session folders empty at each start', async () => {
    const workspaces = await open();
    const first = await workspaces.prepare(session('task'), records);
    await writeFile(join(first.workspace, 'kept'), '');
    await writeFile(join(first.sessionDir, 'gone'), '');
    const second = await workspaces.prepare(session('task'), records);
    expect([await readdir(second.workspace), await readdir(second.sessionDir)]).toEqual([['kept'], []]);
    await workspaces.clear(second);
    expect([await exists(second.workspace), await exists(second.sessionDir)]).toEqual([true, false]);
    await workspaces.close();
  });

  it('give a workspace back that a runner was about to replace when it was killed', async () => {
    const workspaces = await open();
    const { workspace } = await workspaces.prepare(session('task'), records);
    await writeFile(join(workspace, 'kept'), '');
    await rename(workspace, `${workspace}~before`);
    await workspaces.prepare(session('task'), records);
    expect(await readdir(workspace)).toEqual(['kept']);
    const [by, gone] = [join(folder, 'by'), join(folder, 'gone')];
    await expect(replaceWorkspace(workspace, by, gone)).rejects.toThrow('ENOENT');
    expect(await readdir(workspace)).toEqual(['kept']);
    await mkdir(by);
    await replaceWorkspace(workspace, by, gone);
    expect([await readdir(workspace), await readdir(gone)]).toEqual([[], ['kept']]);
    await workspaces.close();
  });

  it('of finished tasks go after a day, and nothing that runs or that nobody knows', async () => {
    const finished: Record<string, string | null> = {
      old: hoursAgo(25).toISOString(),
      fresh: hoursAgo(2).toISOString(),
      open: null,
      busy: hoursAgo(25).toISOString(),
    };
    const asked: string[] = [];
    const workspaces = await open(((_operation: unknown, { id }: { id: string }) => {
      asked.push(id);
      return id in finished
        ? Promise.resolve({ finishedAt: finished[id] })
        : Promise.reject(new PurserError('not_found'));
    }) as never);
    for (const taskId of [...Object.keys(finished), 'unknown', 'touched']) {
      const { workspace } = await workspaces.prepare(session(taskId), records);
      if (taskId !== 'touched') await utimes(workspace, hoursAgo(26), hoursAgo(26));
    }
    // Set aside by a session of the task.
    for (const name of ['old~3', 'open~3']) {
      await mkdir(join(folder, 'workspaces', name));
      await utimes(join(folder, 'workspaces', name), hoursAgo(26), hoursAgo(26));
    }
    await workspaces.sweep((taskId) => taskId === 'busy');
    const left = await readdir(join(folder, 'workspaces'));
    expect(left.sort()).toEqual(['busy', 'fresh', 'open', 'open~3', 'touched', 'unknown']);
    expect(asked.sort()).toEqual(['fresh', 'old', 'old', 'open', 'open', 'unknown']);
    await workspaces.close();
  });

  it('are removed also when a program made them read-only', async () => {
    const deep = join(folder, 'cache', 'module');
    await mkdir(deep, { recursive: true });
    await writeFile(join(deep, 'file'), '');
    for (const path of [deep, join(folder, 'cache')]) await chmod(path, 0o555);
    await removeTree(join(folder, 'cache'));
    expect(await exists(join(folder, 'cache'))).toBe(false);
  });

  const itAsRoot = asRoot ? it : it.skip;
  const asAgent = (script: string) =>
    run('/bin/sh', ['-c', script], { uid: NOBODY, gid: NOBODY, cwd: join(folder, 'work') });

  itAsRoot('of an agent are removed with its own rights, read-only folders, dot files and links too', async () => {
    await mkdir(join(folder, 'work'), { mode: 0o700 });
    await chown(join(folder, 'work'), NOBODY, NOBODY);
    await asAgent('mkdir -p a/b .c; touch a/b/f .c/.d; ln -s ../.. a/up; chmod 0 a/b; chmod 500 a; chmod 0 .');
    await removeTree(join(folder, 'work'));
    expect(await readdir(folder)).toEqual([]);
  });

  itAsRoot('keep below a folder of an agent what the agent itself could not remove', async () => {
    // By a link that is laid at the right moment, this might be any file of the machine.
    const foreign = join(folder, 'work', 'foreign');
    await mkdir(foreign, { recursive: true });
    await writeFile(join(foreign, 'kept'), '');
    await chmod(foreign, 0o755);
    await chown(join(folder, 'work'), NOBODY, NOBODY);
    await asAgent('touch own');
    await expect(removeTree(join(folder, 'work'))).rejects.toThrow(/uid 65534 could not empty .*foreign/s);
    expect(await readdir(join(folder, 'work'))).toEqual(['foreign']);
    expect(await readdir(foreign)).toEqual(['kept']);
  });
});

describe('the commit', () => {
  const owner = asRoot ? { uid: NOBODY, gid: NOBODY } : {};
  const git = async (...args: string[]) => {
    const env = { PATH: process.env.PATH, HOME: folder };
    return (await run('git', ['-C', join(folder, 'work'), ...args], { ...owner, env, cwd: '/' })).stdout.trim();
  };
  const sessionId = `commit-${process.pid}`;
  const commit = () =>
    commitWorkspace({ workspace: join(folder, 'work'), message: 'Work of session s', timeoutMs: 10_000, sessionId });

  beforeEach(async () => {
    await mkdir(join(folder, 'work'));
    if (asRoot) await chown(join(folder, 'work'), NOBODY, NOBODY);
  });

  const change = async (text: string) => {
    await writeFile(join(folder, 'work', 'file.txt'), text);
  };

  it('takes all changes, without hooks, as the owner of the workspace', async () => {
    await git('init', '--quiet');
    await change('one');
    await run(
      'sh',
      [
        '-c',
        'printf "#!/bin/sh\\ntouch ../hooked\\nexit 1\\n" > .git/hooks/pre-commit; chmod +x .git/hooks/pre-commit',
      ],
      {
        ...owner,
        cwd: join(folder, 'work'),
      },
    );
    expect(await commit()).toEqual({ kind: 'committed', commit: expect.stringMatching(/^[0-9a-f]{7,}$/) as string });
    expect(await git('log', '--format=%an: %s')).toBe('Purser: Work of session s');
    expect(await git('status', '--porcelain')).toBe('');
    expect((await stat(join(folder, 'work', '.git', 'COMMIT_EDITMSG'))).uid).toBe(asRoot ? NOBODY : process.getuid?.());
    expect(await exists(join(folder, 'hooked'))).toBe(false);
  });

  it('does nothing without changes, or without a repository of its own', async () => {
    await change('one');
    expect(await commit()).toEqual({ kind: 'nothing' });
    await git('init', '--quiet');
    await commit();
    expect(await commit()).toEqual({ kind: 'nothing' });
  });

  it('starts no program that the repository names, and leaves none', async () => {
    const mark = join(folder, 'work', 'started');
    await git('init', '--quiet');
    for (const filter of ['x', 'X.y z'])
      for (const part of ['clean', 'process']) await git('config', `filter.${filter}.${part}`, `touch '${mark}'; cat`);
    await git('config', 'filter.x.required', 'true');
    await git('config', 'core.fsmonitor', `touch '${mark}'`);
    await writeFile(join(folder, 'work', '.gitattributes'), '* filter=x\n');
    await change('one');
    expect(await commit()).toMatchObject({ kind: 'committed' });
    expect(await git('show', 'HEAD:file.txt')).toBe('one');
    expect(await exists(mark)).toBe(false);
  });

  it('refuses a filter whose name hides it from being switched off', async () => {
    await git('init', '--quiet');
    await git('config', 'filter.a=b.clean', 'cat');
    await change('one');
    expect(await commit()).toEqual({ kind: 'failed', detail: expect.stringContaining('filter.a=b') as string });
  });

  it('ends what git started in spite of that', async () => {
    const mark = `${47_000 + (process.pid % 1_000)}.${Date.now() % 1_000_000}`;
    const script = `#!/bin/sh\ncase " $* " in *" add "*) setsid sleep ${mark} >/dev/null 2>&1 </dev/null & ;; esac\nPATH='${process.env.PATH}' exec git "$@"\n`;
    await mkdir(join(folder, 'bin'));
    await writeFile(join(folder, 'bin', 'git'), script, { mode: 0o755 });
    await git('init', '--quiet');
    await change('one');
    const { PATH } = process.env;
    process.env.PATH = `${join(folder, 'bin')}:${PATH}`;
    try {
      expect(await commit()).toMatchObject({ kind: 'committed' });
    } finally {
      process.env.PATH = PATH;
    }
    const { stdout } = await run('ps', ['-eo', 'args']);
    expect(stdout.split('\n').filter((line) => line === `sleep ${mark}`)).toEqual([]);
  });

  it('says why when git cannot', async () => {
    await mkdir(join(folder, 'work', '.git'));
    await change('one');
    expect(await commit()).toEqual({
      kind: 'failed',
      detail: expect.stringContaining('not a git repository') as string,
    });
  });
});
