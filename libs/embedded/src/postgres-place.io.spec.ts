import { execFile } from 'node:child_process';
import { chmod, chown, cp, mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findAccount, isRoot } from './account.js';
import { findPostgres } from './postgres-binaries.js';
import { placeBinaries, placePostgres } from './postgres-place.js';

const run = promisify(execFile);
const asRoot = isRoot() ? it : it.skip;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(process.env.PURSER_TEST_RUN_DIR ?? '', 'place-spec-'));
  await chmod(folder, 0o755);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('placePostgres', () => {
  asRoot('never runs Postgres as the user that agents run as', async () => {
    const nobody = await findAccount('nobody');
    const { account } = await placePostgres(join(folder, 'fresh'), [join(folder, 'elsewhere')]);
    expect(account.uid).not.toBe(nobody?.uid);
    const shared = join(folder, 'shared');
    await mkdir(shared, { mode: 0o700 });
    await chown(shared, nobody!.uid, nobody!.gid);
    await expect(placePostgres(shared, [])).rejects.toThrow(/belongs to nobody, the user that agents run as/);
  });
});

describe('placeBinaries', () => {
  it('leaves binaries that can be run where they are', async () => {
    const binaries = await findPostgres();
    const account = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, name: 'self' };
    expect(await placeBinaries(binaries, account, [join(folder, 'unused')])).toBe(binaries.root);
  });

  asRoot('copies them once where their user can run them, though npm unpacked them for root alone', async () => {
    const binaries = await findPostgres();
    const nobody = await findAccount('nobody');
    if (nobody === undefined) return;
    const hidden = join(folder, 'hidden');
    await mkdir(hidden, { mode: 0o700 });
    await cp(binaries.root, join(hidden, 'native'), { recursive: true, verbatimSymlinks: true });
    await run('chmod', ['-R', 'go=', hidden]);
    const unreachable = { ...binaries, root: join(hidden, 'native') };
    const reachable = join(folder, 'reachable');
    // Two first starts at once agree on one copy.
    const [copy, same] = await Promise.all([
      placeBinaries(unreachable, nobody, [reachable]),
      placeBinaries(unreachable, nobody, [reachable]),
    ]);
    expect(same).toBe(copy);
    expect(await readdir(reachable)).toEqual([`postgres-${binaries.version}`]);
    const { stdout } = await run(join(copy, 'bin', 'initdb'), ['--version'], {
      uid: nobody.uid,
      gid: nobody.gid,
      env: {},
      cwd: '/',
    });
    expect(stdout).toContain(binaries.version);
    const { ctimeMs } = await stat(copy);
    await placeBinaries(unreachable, nobody, [reachable]);
    expect((await stat(copy)).ctimeMs).toBe(ctimeMs);
  });
});
