import { chmod, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asTyped, invocationOf, ON_PATH } from './invocation.js';

describe('how purser is to be run', () => {
  let clone: string;
  let script: string;
  let onPath: string;

  beforeEach(async () => {
    const folder = await realpath(await mkdtemp(join(tmpdir(), 'purser-invocation-')));
    clone = join(folder, 'clone');
    script = join(clone, 'apps', 'cli', 'bin', 'purser.mjs');
    onPath = join(folder, 'bin');
    await mkdir(join(script, '..'), { recursive: true });
    await writeFile(script, '');
    await chmod(script, 0o755);
    await writeFile(join(clone, 'package.json'), '{}');
    await mkdir(join(clone, 'node_modules', '.bin'), { recursive: true });
    await symlink(script, join(clone, 'node_modules', '.bin', 'purser'));
    await mkdir(onPath);
  });

  afterEach(() => rm(join(clone, '..'), { recursive: true }));

  const npm = () => ({
    npm_lifecycle_event: 'start',
    npm_package_json: join(clone, 'package.json'),
    PATH: `${join(clone, 'node_modules', '.bin')}:/usr/bin`,
  });

  it('is npm in a clone, though npm itself has it on the path', () => {
    expect(invocationOf({ env: npm(), cwd: clone, script })).toEqual({
      program: 'npm run --silent purser',
      throughNpm: true,
    });
  });

  it('is the bare name where that is on the path, as in the container', async () => {
    await symlink(script, join(onPath, 'purser'));
    expect(invocationOf({ env: { PATH: onPath }, cwd: '/', script: join(onPath, 'purser') })).toEqual(ON_PATH);
    expect(invocationOf({ env: { ...npm(), PATH: `${onPath}:/usr/bin` }, cwd: clone, script })).toEqual(ON_PATH);
  });

  it('is not another program of this name', async () => {
    await writeFile(join(onPath, 'purser'), '');
    await chmod(join(onPath, 'purser'), 0o755);
    expect(invocationOf({ env: { PATH: onPath }, cwd: clone, script }).program).toBe('node apps/cli/bin/purser.mjs');
  });

  it('is the file that was started, when neither npm nor the path has it', () => {
    expect(invocationOf({ env: {}, cwd: clone, script }).program).toBe('node apps/cli/bin/purser.mjs');
    expect(invocationOf({ env: {}, cwd: '/elsewhere', script }).program).toBe(`node ${script}`);
    const elses = { npm_lifecycle_event: 'x', npm_package_json: '/other/package.json' };
    expect(invocationOf({ env: elses, cwd: clone, script }).program).toBe('node apps/cli/bin/purser.mjs');
  });
});

describe('a hint', () => {
  const npm = { program: 'npm run --silent purser', throughNpm: true };

  it.each([
    ['Follow it: purser task logs a-1 --follow', 'Follow it: npm run --silent purser task logs a-1 -- --follow'],
    ['(`purser key` prints it)', '(`npm run --silent purser key` prints it)'],
    ['$ purser task submit -- sh -c "x"', '$ npm run --silent purser task submit -- -- sh -c "x"'],
    ['"Bearer $(purser key)" http://x', '"Bearer $(npm run --silent purser key)" http://x'],
    ['jq | purser task submit --file -', 'jq | npm run --silent purser task submit -- --file -'],
    ['purser budget list --json | jq .a', 'npm run --silent purser budget list -- --json | jq .a'],
    ['A=b purser up      # text', 'A=b npm start      # text'],
    ['that `purser up --help` lists', 'that `npm start -- --help` lists'],
    ['This purser keeps on; @purser/cli, purser.log', 'This purser keeps on; @purser/cli, purser.log'],
  ])('%s', (text, typed) => {
    expect(asTyped(text, npm)).toBe(typed);
    expect(asTyped(text, ON_PATH)).toBe(text);
  });
});
