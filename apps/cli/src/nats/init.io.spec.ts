import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findNatsServer } from '@purser/embedded';
import { run } from '../program.js';
import { recordedTerminal } from '../testing/recorded-terminal.fixture.js';

const execute = promisify(execFile);

describe('purser init', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'purser-init-'));
  });

  afterEach(() => rm(folder, { recursive: true }));

  const init = async () => {
    const terminal = recordedTerminal({
      env: {
        PURSER_HOME: join(folder, 'home'),
        PURSER_INIT_NATS_HOST: 'bus:4222',
        PURSER_INIT_POSTGRES_HOST: 'db:5432',
        PURSER_INIT_RUNNER_HOME: join(folder, 'runner'),
        PURSER_INIT_POSTGRES_HOME: join(folder, 'postgres'),
        PURSER_INIT_NATS_STORE: join(folder, 'store'),
      },
    });
    return { code: await run(['init'], terminal), ...terminal.printed };
  };
  const read = async (...path: string[]) => (await readFile(join(folder, ...path), 'utf8')).trim();

  it('writes secrets for each service, a configuration that nats-server takes, and prints no secret', async () => {
    const { code, out } = await init();
    expect(code).toBe(0);
    const url = new URL(await read('home', 'secrets', 'orchestrator.nats.url'));
    expect([url.username, url.host]).toEqual(['orchestrator', 'bus:4222']);
    const database = new URL(await read('home', 'secrets', 'database.url'));
    expect(database.host).toBe('db:5432');
    expect(decodeURIComponent(database.password)).toBe(await read('postgres', 'password'));
    for (const secret of [url.password, database.password, await read('home', 'admin.key')]) {
      expect(secret.length).toBeGreaterThan(20);
      expect(out).not.toContain(secret);
    }
    for (const file of await readdir(join(folder, 'home', 'secrets'))) {
      expect([file, (await stat(join(folder, 'home', 'secrets', file))).mode & 0o777]).toEqual([file, 0o600]);
    }
    const { path: bin } = await findNatsServer({ env: process.env, cacheDir: process.env.PURSER_TEST_CACHE_DIR ?? '' });
    await execute(bin, ['-t', '-c', join(folder, 'home', 'secrets', 'nats.conf')]);
  });

  it('gives runners their own URLs and no key', async () => {
    await init();
    expect((await readdir(join(folder, 'runner'))).sort()).toEqual(['secrets']);
    expect((await readdir(join(folder, 'runner', 'secrets'))).sort()).toEqual([
      'agent-runner.nats.url',
      'database.url',
    ]);
  });

  it('changes no secret the second time', async () => {
    await init();
    const before = await Promise.all([
      read('home', 'admin.key'),
      read('home', 'nats.url'),
      read('postgres', 'password'),
    ]);
    await init();
    expect(
      await Promise.all([read('home', 'admin.key'), read('home', 'nats.url'), read('postgres', 'password')]),
    ).toEqual(before);
  });
});
