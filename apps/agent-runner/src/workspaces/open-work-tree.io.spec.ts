import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, chown, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expectNoChildren } from '@purser/testing';
import { commitWorkspace } from './git-commit.js';
import { FoundTree } from './found-tree.js';
import { bundleOf, headOf } from './work-tree-files.js';

/*
 * What a container may have written to its workspace, whose files outside of it are the runner's alone. Here everybody
 * can read and write those, so that nothing but the steps themselves keeps git from them.
 */

const run = promisify(execFile);
const owner = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
const SECRET = 'what only the runner can read';
const KEPT = 'as it was';

let folder: string;
let work: string;
let outside: string;
let theirs: string;

const sh = async (script: string, cwd = work) => {
  const env = { PATH: process.env.PATH, HOME: folder, OUT: outside, GIT_CONFIG_NOSYSTEM: '1' };
  return (await run('sh', ['-ec', script], { ...owner, cwd, env })).stdout.trim();
};
const commit = () =>
  commitWorkspace({ workspace: work, message: 'Work', timeoutMs: 20_000, sessionId: `open-${process.pid}` });
const exists = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );
/** All that the repository has, whatever its configuration says by now. */
const objects = () => sh('git --git-dir=.git --work-tree=. cat-file --batch-all-objects --batch');

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'purser-open-'));
  work = join(folder, 'work');
  outside = join(folder, 'outside');
  for (const path of [folder, work, outside]) {
    await mkdir(path, { recursive: true });
    await chmod(path, 0o777);
    if (owner.uid !== undefined) await chown(path, owner.uid, owner.gid);
  }
  await sh(
    `git config --global user.name A; git config --global user.email a@localhost; git init -q
    printf '%s' '${SECRET}' > secret; git add .; git commit -qm theirs; printf '${KEPT}' > plain`,
    outside,
  );
  theirs = await sh('git rev-parse HEAD', outside);
  await sh('git init -q; echo first > file; git add .; git commit -qm first; echo second > file');
});
afterEach(() => rm(folder, { recursive: true, force: true }));
afterAll(() => expectNoChildren());

const turn = () => ({ sessionId: 'open', taskId: 't', timeoutMs: 20_000, aliveWithinMs: () => 20_000 });

/** Nothing of the outside was taken or changed. */
async function expectKept(): Promise<void> {
  expect(await sh('git rev-parse HEAD', outside)).toBe(theirs);
  expect(await readFile(join(outside, 'plain'), 'utf8')).toBe(KEPT);
  expect(await readFile(join(outside, 'secret'), 'utf8')).toBe(SECRET);
}

describe('a work tree that leads out of itself', () => {
  it.each([
    ['.git as a file', 'rm -r .git; echo "gitdir: $OUT/.git" > .git', /\.git is no folder/],
    ['.git as a link', 'rm -r .git; ln -s "$OUT/.git" .git', /\.git is no folder/],
    ['a common folder elsewhere', 'echo "$OUT/.git" > .git/commondir', /commondir may lead out/],
    ['objects elsewhere', 'echo "$OUT/.git/objects" > .git/objects/info/alternates', /alternates may lead out/],
    ['objects by a link', 'mv .git/objects .git/o; ln -s "$OUT/.git/objects" .git/objects', /objects may lead out/],
    ['references by a link', 'rm -r .git/refs/heads; ln -s "$OUT/.git/refs/heads" .git/refs/heads', /may lead out/],
    ['a file that git writes', 'ln -sf "$OUT/plain" .git/COMMIT_EDITMSG', /COMMIT_EDITMSG may lead out/],
    ['a log that git writes', 'ln -sf "$OUT/plain" .git/logs/HEAD', /may lead out/],
    ['an index that nobody ever writes', 'rm .git/index; mkfifo .git/index', /index may lead out/],
    ['a configuration elsewhere', 'git config include.path "$OUT/plain"', /include.path .* leads out/],
    ['one by a condition', 'git config includeIf.gitdir:/.path "$OUT/plain"', /includeif\..* leads out/],
    ['one by a link in the tree', 'ln -s "$OUT/plain" l; git config include.path ../l', /include.path .* leads out/],
    [
      'one by an included file',
      'printf "[include]\\n path = $OUT/plain\\n" > more; git config include.path ../more',
      /include.path .* leads out/,
    ],
    ['patterns elsewhere', 'git config core.attributesFile "$OUT/plain"', /core.attributesfile .* leads out/],
  ])('is refused: %s', async (_, script, why) => {
    const before = await sh('git rev-parse HEAD');
    await sh(script);
    expect(await commit()).toEqual({ kind: 'failed', detail: expect.stringMatching(why) as string });
    await expect(headOf(work)).rejects.toThrow(why);
    const found = await FoundTree.lookAt(work, AbortSignal.timeout(20_000));
    expect(found.unusable).toMatch(why);
    for (const known of [before, theirs]) expect(await found.contains(known)).toBe(false);
    await expect(bundleOf(turn(), work, before)).rejects.toThrow(why);
    await expectKept();
  });

  it('is committed from its own folder whatever its configuration names as the work tree', async () => {
    await sh('git config core.worktree "$OUT"');
    expect(await commit()).toMatchObject({ kind: 'committed' });
    expect(await objects()).not.toContain(SECRET);
    expect(await sh('git --git-dir=.git show --format= --name-only HEAD')).toBe('file');
    await expectKept();
  });

  it('has no words of a file told that its home names as attributes', async () => {
    // Git says which attributes it does not know, and fails for the repository without a commit.
    await sh(`echo '* word=of/the/runner !!its-word' > "$OUT/words"; mkdir -p .config/git
      ln -s "$OUT/words" .config/git/attributes; git init -q empty`);
    const result = await commit();
    expect(result).toMatchObject({ kind: 'failed', detail: expect.stringContaining('empty') as string });
    expect(JSON.stringify(result)).not.toContain('word');
  });

  it.each(['../outside/secret', 'ABSOLUTE'])('has nothing added by an index that names %s', async (given) => {
    const path = given === 'ABSOLUTE' ? join(outside, 'secret') : given;
    await writeFile(join(work, 'index'), indexOf(path));
    await sh('cat index > .git/index; rm index');
    expect(await commit()).toMatchObject({
      kind: 'failed',
      detail: expect.stringContaining('path that is not') as string,
    });
    expect(await objects()).not.toContain(SECRET);
  });
});

describe('a work tree that stays within itself', () => {
  it('may include configuration of its own, whose programs are not started either', async () => {
    const mark = join(folder, 'started');
    await sh(`printf '[filter "x"]\\n clean = touch ${mark}\\n' > .gitconfig; git config include.path ../.gitconfig
      echo '* filter=x' > .gitattributes`);
    expect(await commit()).toMatchObject({ kind: 'committed' });
    expect(await exists(mark)).toBe(false);
    expect(await sh('git show HEAD:file')).toBe('second');
  });

  it('may name no file of patterns', async () => {
    await sh(`git config core.excludesFile ''; git config core.attributesFile ''`);
    expect(await commit()).toMatchObject({ kind: 'committed' });
  });

  it('may have linked work trees, and hooks that are links', async () => {
    await sh('git worktree add -q ../other; mkdir -p .git/hooks; ln -s /bin/true .git/hooks/pre-commit');
    expect(await commit()).toMatchObject({ kind: 'committed' });
    const head = await sh('git rev-parse HEAD');
    expect(await headOf(work)).toBe(head);
    const found = await FoundTree.lookAt(work, AbortSignal.timeout(20_000));
    expect([await found.contains(head), await found.contains(theirs)]).toEqual([true, false]);
    expect(await exists(await bundleOf(turn(), work, await sh('git rev-parse HEAD~1')))).toBe(true);
  });

  it('has no program started that a submodule names, which stays as it was committed', async () => {
    const mark = join(folder, 'started');
    await sh(`git init -q sub; cd sub; echo a > a; git add .; git commit -qm a; cd ..
      printf '[submodule "x"]\\n path = sub\\n url = ./sub\\n ignore = none\\n' > .gitmodules; git add . 2>/dev/null; git commit -qm sub
      git -C sub config filter.x.clean 'touch ${mark}; cat'; echo '* filter=x' > sub/.gitattributes`);
    // Of the same size, at another time: whether it changed, only its content tells.
    await sh(`echo b > sub/a; touch -d '2020-01-01' sub/a; echo third > file`);
    expect(await commit()).toMatchObject({ kind: 'committed' });
    expect(await exists(mark)).toBe(false);
    expect(await sh('git show --format= --name-only HEAD')).toBe('file');
  });

  it('says which submodules were moved on, and commits that of none', async () => {
    await sh(`for one in moved kept; do git init -q $one; git -C $one commit -q --allow-empty -m a; done
      git add . 2>/dev/null; git commit -qm subs; git -C moved commit -q --allow-empty -m b; rm -rf kept/.git`);
    expect(await commit()).toEqual({ kind: 'nothing', moved: ['moved'] });
    await sh('echo third > file');
    expect(await commit()).toMatchObject({ kind: 'committed', moved: ['moved'] });
    expect(await sh('git show --format= --name-only HEAD')).toBe('file');
  });
});

/** An index of git's, version 2, with one entry whose file counts as changed. */
function indexOf(path: string): Buffer {
  const name = Buffer.from(path);
  const length = 62 + name.length;
  const entry = Buffer.alloc(length + 8 - (length % 8));
  entry.writeUInt32BE(0o100644, 24);
  entry.writeUInt16BE(name.length, 60);
  name.copy(entry, 62);
  const body = Buffer.concat([Buffer.from('DIRC'), Buffer.from([0, 0, 0, 2, 0, 0, 0, 1]), entry]);
  return Buffer.concat([body, createHash('sha1').update(body).digest()]);
}
