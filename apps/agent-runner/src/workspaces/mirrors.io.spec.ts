import { mkdtemp, readdir, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GitRemote } from '@purser/testing';
import type { Config } from '../config.js';
import { Mirrors } from './mirrors.service.js';

let home: string;
let remote: GitRemote;
let mirrors: Mirrors;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'purser-mirrors-'));
  remote = await GitRemote.start('acme/shop.git', { 'README.md': 'shop\n' });
  mirrors = new Mirrors({ PURSER_HOME: home } as Config);
});
afterEach(async () => {
  await remote.stop();
  await rm(home, { recursive: true, force: true });
});

const fetch = (taskId: string) =>
  mirrors.fetch(
    { sessionId: `${taskId}-s1`, taskId, timeoutMs: 20_000, aliveWithinMs: () => 20_000 },
    { repository: remote.url, base: undefined, branch: `purser/${taskId}` },
    null,
  );
const refs = async () => {
  const listed = await remote.git('-C', mirrors.pathOf(remote.url), 'for-each-ref', '--format=%(refname)');
  return listed.split('\n');
};

it('keep nothing of a task that is over, and go with the last one', async () => {
  await fetch('one');
  await fetch('two');
  expect(await refs()).toEqual(['refs/purser/base/one', 'refs/purser/base/two']);
  await mirrors.forget('one');
  expect(await refs()).toEqual(['refs/purser/base/two']);
  // Somebody may just have begun with it.
  await mirrors.forget('two');
  expect(await readdir(mirrors.folder)).toHaveLength(1);
  const before = new Date(Date.now() - 2 * 3_600_000);
  await utimes(join(mirrors.pathOf(remote.url), 'used'), before, before);
  await mirrors.forget('two');
  expect(await readdir(mirrors.folder)).toEqual([]);
  expect(await fetch('three')).toMatchObject({ base: 'main', tip: null });
});
