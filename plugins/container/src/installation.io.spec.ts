import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installationOf } from './installation.js';

it('stays the same for a data folder, and is another one for a copy of it', async () => {
  const root = await mkdtemp(join(tmpdir(), 'purser-installation-'));
  const home = join(root, 'home');
  const first = installationOf(home);
  expect(first).toMatch(/^[0-9a-f]{12}$/);
  expect(installationOf(home)).toBe(first);
  expect(await readdir(join(home, 'containers'))).toEqual(['installation']);
  await cp(home, join(root, 'copy'), { recursive: true });
  expect(installationOf(join(root, 'copy'))).not.toBe(first);
  expect(installationOf(join(root, 'other'))).not.toBe(first);
  await rm(root, { recursive: true });
});
