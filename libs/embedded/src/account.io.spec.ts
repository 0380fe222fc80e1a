import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findAccount, isRoot, makePassable, ownAccount, reachableBy } from './account.js';

const asRoot = isRoot() ? it : it.skip;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'account-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('reachableBy', () => {
  it('answers for the own account', async () => {
    await writeFile(join(folder, 'note'), '');
    expect(await reachableBy(ownAccount(), folder)).toBe(true);
    expect(await reachableBy(ownAccount(), join(folder, 'note'), 'write')).toBe(true);
    expect(await reachableBy(ownAccount(), join(folder, 'note'), 'enter')).toBe(false);
  });

  asRoot('asks as the other user, with every folder above', async () => {
    const nobody = (await findAccount('nobody')) ?? ownAccount();
    const inside = join(folder, 'inside');
    await mkdir(inside);
    expect(await reachableBy(nobody, inside)).toBe(false);
    await chmod(folder, 0o711);
    expect(await reachableBy(nobody, inside)).toBe(true);
    expect(await reachableBy(nobody, inside, 'write')).toBe(false);
    expect(await reachableBy(nobody, folder, 'read')).toBe(false);
  });

  asRoot('asks about the nearest folder that exists', async () => {
    const nobody = (await findAccount('nobody')) ?? ownAccount();
    expect(await reachableBy(nobody, join(folder, 'a', 'b'))).toBe(false);
    await chmod(folder, 0o755);
    expect(await reachableBy(nobody, join(folder, 'a', 'b'))).toBe(true);
  });

  asRoot('gets through folders that makePassable made under a strict umask', async () => {
    const nobody = (await findAccount('nobody')) ?? ownAccount();
    await chmod(folder, 0o711);
    const before = process.umask(0o077);
    try {
      await makePassable(join(folder, 'a', 'b', 'c'));
    } finally {
      process.umask(before);
    }
    expect(await reachableBy(nobody, join(folder, 'a', 'b', 'c'))).toBe(true);
  });
});

describe('findAccount', () => {
  it('knows the own user by number, and nobody who does not exist', async () => {
    expect((await findAccount(ownAccount().uid))?.uid).toBe(ownAccount().uid);
    expect(await findAccount('no-such-user-here')).toBeUndefined();
  });
});
