import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chooseUser, giveWorkspace } from '@purser/guard';
import { assert, asyncProperty, constantFrom, array } from 'fast-check';
import { ConfinedFolder } from './confined-folder.js';

const asRoot = process.getuid?.() === 0;
const user = chooseUser(undefined, process.getuid?.() ?? -1);
const SECRET = 'what nobody in the workspace may see';

let root: string;
let workspace: string;
let folder: ConfinedFolder;
const inWorkspace = (...names: string[]) => join(workspace, ...names);

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'purser-confined-')));
  chmodSync(root, 0o755);
  workspace = join(root, 'workspace');
  mkdirSync(workspace);
  mkdirSync(join(root, 'outside', 'deep'), { recursive: true });
  writeFileSync(join(root, 'outside', 'secret'), SECRET);
  writeFileSync(join(root, 'outside', 'deep', 'secret'), SECRET);
  folder = new ConfinedFolder(workspace, user);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const text = async (path: string) => (await folder.read(path, 1_000)).bytes.toString();
const write = (path: string, content: string) => folder.write(path, Buffer.from(content));
/** What is open below the root. */
const opened = () =>
  readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(root);
    } catch {
      return false;
    }
  });

/** What a path must never do, whatever it is. */
async function tryAll(path: string): Promise<void> {
  const read = await text(path).catch(() => '');
  expect(read).not.toContain(SECRET);
  await write(path, 'written').catch(() => undefined);
  await folder.list(path).catch(() => undefined);
  expect(readFileSync(join(root, 'outside', 'secret'), 'utf8')).toBe(SECRET);
  expect(readFileSync(join(root, 'outside', 'deep', 'secret'), 'utf8')).toBe(SECRET);
  expect(existsSync(join(root, 'outside', 'new'))).toBe(false);
  expect(existsSync(join(root, 'new'))).toBe(false);
}

describe('the workspace', () => {
  it('is read and written, folders on the way included, as the session’s user', async () => {
    expect(await write('a/b/c.txt', 'hello')).toBe(true);
    expect(await write('a/b/c.txt', 'hello again')).toBe(false);
    expect(await text('a/b/c.txt')).toBe('hello again');
    expect(await text(inWorkspace('a/b/c.txt'))).toBe('hello again');
    expect(await text('a/./x/../b//c.txt')).toBe('hello again');
    if (user) for (const name of ['a', 'a/b', 'a/b/c.txt']) expect(statSync(inWorkspace(name)).uid).toBe(user.uid);
    expect(await folder.list('a')).toEqual([{ name: 'b', kind: 'folder' }]);
  });

  it('keeps the mode of a file that is replaced', async () => {
    await write('run.sh', 'one');
    chmodSync(inWorkspace('run.sh'), 0o755);
    await write('run.sh', 'two');
    expect(statSync(inWorkspace('run.sh')).mode & 0o777).toBe(0o755);
  });

  it('lets links lead on that stay inside', async () => {
    await write('real/file', 'inside');
    symlinkSync('real', inWorkspace('relative'));
    symlinkSync(inWorkspace('real'), inWorkspace('absolute'));
    symlinkSync('../real/file', inWorkspace('real', 'up'));
    expect(await text('relative/file')).toBe('inside');
    expect(await text('absolute/file')).toBe('inside');
    expect(await text('relative/up')).toBe('inside');
    await write('relative/up', 'changed');
    expect(readFileSync(inWorkspace('real', 'file'), 'utf8')).toBe('changed');
  });

  it.each(['../outside/secret', '/etc/passwd', 'a/../../outside/secret', '..', '/'])(
    'has no way out by %s',
    async (path) => {
      await expect(text(path)).rejects.toThrow(/leads out of the workspace|is a folder/);
      await expect(write(path, 'x')).rejects.toThrow(/leads out of the workspace|is a folder/);
    },
  );

  it('has no way out by a link', async () => {
    symlinkSync('../outside', inWorkspace('folder'));
    symlinkSync('../outside/secret', inWorkspace('file'));
    symlinkSync('../outside/new', inWorkspace('dangling'));
    symlinkSync(join(root, 'outside'), inWorkspace('absolute'));
    symlinkSync('folder', inWorkspace('twice'));
    for (const path of [
      'folder/secret',
      'file',
      'dangling',
      'absolute/secret',
      'twice/secret',
      'folder/../outside/secret',
    ]) {
      await expect(text(path)).rejects.toThrow(/out of the workspace|there is no/);
      await tryAll(path);
    }
  });

  it('does not go round in circles', async () => {
    symlinkSync('b', inWorkspace('a'));
    symlinkSync('a', inWorkspace('b'));
    await expect(text('a')).rejects.toThrow(/circles/);
  });

  it('does not write to what is git’s own', async () => {
    mkdirSync(inWorkspace('.git', 'hooks'), { recursive: true });
    writeFileSync(inWorkspace('.git', 'config'), '[core]\n');
    symlinkSync('.git', inWorkspace('innocent'));
    for (const path of ['.git/hooks/post-commit', '.GIT/config', 'innocent/config', 'sub/.git', 'a/.git/config']) {
      await expect(write(path, 'x')).rejects.toThrow(/git's own/);
    }
    expect(await text('innocent/config')).toBe('[core]\n');
    await write('.gitignore', 'dist\n');
  });

  it('leaves alone what is no plain file', async () => {
    execFileSync('mkfifo', [inWorkspace('pipe')]);
    await expect(text('pipe')).rejects.toThrow(/no plain file/);
    await expect(write('pipe', 'x')).rejects.toThrow(/no plain file/);
    mkdirSync(inWorkspace('folder'));
    await expect(text('folder')).rejects.toThrow(/a folder/);
  });

  (asRoot ? it : it.failing)('does not read what belongs to another user by a hard link', async () => {
    await giveWorkspace(workspace, user!, new AbortController().signal);
    chmodSync(join(root, 'outside', 'secret'), 0o600);
    linkSync(join(root, 'outside', 'secret'), inWorkspace('mine'));
    await expect(text('mine')).rejects.toThrow(/may not be read: it belongs to another user/);
    await write('mine', 'replaced');
    expect(readFileSync(join(root, 'outside', 'secret'), 'utf8')).toBe(SECRET);
  });

  it('is never left, whatever the path is and whatever links lie there', async () => {
    const links = ['up', 'in', 'loop', 'root', 'deep/up', 'self'];
    mkdirSync(inWorkspace('deep'));
    const targets = ['..', 'deep', 'loop', '/', '../..', '.'];
    for (const [index, link] of links.entries()) symlinkSync(targets[index]!, inWorkspace(link));
    const part = constantFrom(
      '..',
      '.',
      '',
      'up',
      'in',
      'loop',
      'root',
      'deep',
      'self',
      'outside',
      'secret',
      'new',
      'tmp',
      root,
      '\0',
      'x'.repeat(300),
    );
    await assert(
      asyncProperty(array(part, { minLength: 1, maxLength: 8 }), async (parts) => tryAll(parts.join('/'))),
      { numRuns: 400 },
    );
    expect(opened()).toEqual([]);
  });

  it('is not left while somebody changes folders for links meanwhile', async () => {
    mkdirSync(inWorkspace('way'));
    writeFileSync(inWorkspace('way', 'secret'), 'harmless');
    symlinkSync('../outside', inWorkspace('link'));
    let over = false;
    // As often in the middle of a walk as before or after one.
    const turns = async (count: number) => {
      for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    };
    /** A write may make the folder anew at any time: whatever stands in the way goes. */
    const put = (name: string) => {
      for (;;) {
        try {
          rmSync(inWorkspace('way'), { recursive: true, force: true });
          renameSync(inWorkspace(name), inWorkspace('way'));
          return;
        } catch {
          // Made anew in between.
        }
      }
    };
    const swapping = (async () => {
      for (let round = 0; !over; round += 1) {
        renameSync(inWorkspace('way'), inWorkspace('aside'));
        await turns(round % 3);
        put('link');
        await turns(1 + (round % 11));
        renameSync(inWorkspace('way'), inWorkspace('link'));
        put('aside');
        await turns(1 + (round % 67));
      }
    })();
    let reads = 0;
    for (let turn = 0; turn < 800; turn += 1) {
      const read = await text('way/secret').catch(() => undefined);
      if (read !== undefined) reads += 1;
      expect(read ?? 'harmless').toBe('harmless');
      await write('way/new', 'x').catch(() => undefined);
    }
    over = true;
    await swapping;
    expect(reads).toBeGreaterThan(0);
    expect(existsSync(join(root, 'outside', 'new'))).toBe(false);
  });
});
