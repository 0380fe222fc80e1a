import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { foreignOwner } from './prepare-home.js';

describe('whose a data folder is', () => {
  let root: string;

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'purser-owner-'));
  });

  afterEach(() => rm(root, { recursive: true }));

  it('matters to everybody but its owner', async () => {
    const own = process.getuid?.() ?? 0;
    expect(await foreignOwner({ root }, own)).toBeUndefined();
    expect(await foreignOwner({ root }, own + 1)).toEqual({
      what: expect.stringContaining(root) as string,
      remedy: expect.stringContaining(`sudo chown -R ${own + 1} ${root}`) as string,
    });
    expect(await foreignOwner({ root: join(root, 'none') }, own + 1)).toBeUndefined();
  });
});
