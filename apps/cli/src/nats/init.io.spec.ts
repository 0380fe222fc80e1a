import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
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

  const homes = () => join(folder, 'homes');
  const init = async (env: Record<string, string> = {}) => {
    const terminal = recordedTerminal({
      env: {
        PURSER_HOME: join(folder, 'home'),
        PURSER_INIT_NATS_HOST: 'bus:4222',
        PURSER_INIT_POSTGRES_HOST: 'db:5432',
        PURSER_INIT_HOMES: homes(),
        PURSER_INIT_NATS_HOME: join(folder, 'nats'),
        PURSER_INIT_POSTGRES_HOME: join(folder, 'postgres'),
        PURSER_INIT_NATS_STORE: join(folder, 'store'),
        ...env,
      },
    });
    return { code: await run(['init'], terminal), ...terminal.printed };
  };
  const read = async (...path: string[]) => (await readFile(join(folder, ...path), 'utf8')).trim();
  /** Every file below a folder, relative to it. */
  const files = async (...path: string[]) => {
    const entries = await readdir(join(folder, ...path), { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => relative(join(folder, ...path), join(entry.parentPath, entry.name)))
      .sort();
  };

  it('writes secrets for each service, a configuration that nats-server takes, and prints no secret', async () => {
    const { code, out } = await init();
    expect(code).toBe(0);
    const url = new URL(await read('homes', 'orchestrator', 'secrets', 'orchestrator.nats.url'));
    expect([url.username, url.host]).toEqual(['orchestrator', 'bus:4222']);
    const database = new URL(await read('home', 'secrets', 'database.url'));
    expect(database.host).toBe('db:5432');
    expect(decodeURIComponent(database.password)).toBe(await read('postgres', 'password'));
    for (const secret of [url.password, database.password, await read('home', 'admin.key')]) {
      expect(secret.length).toBeGreaterThan(20);
      expect(out).not.toContain(secret);
    }
    const secret = [...(await files('home')), ...(await files('homes')).map((file) => join('..', 'homes', file))];
    for (const file of secret) {
      expect([file, (await stat(join(folder, 'home', file))).mode & 0o777]).toEqual([file, 0o600]);
    }
    const { path: bin } = await findNatsServer({ env: process.env, cacheDir: process.env.PURSER_TEST_CACHE_DIR ?? '' });
    await execute(bin, ['-t', '-c', join(folder, 'nats', 'nats.conf')]);
  });

  it('gives each service its own secrets alone, and the admin key to those who check it', async () => {
    await init();
    expect(await files('homes')).toEqual([
      'agent-runner/secrets/agent-runner.nats.url',
      'cost-watchdog/secrets/cost-watchdog.nats.url',
      'model-gateway/admin.key',
      'model-gateway/secrets/model-gateway.nats.url',
      'offload-manager/secrets/offload-manager.nats.url',
      'orchestrator/admin.key',
      'orchestrator/nats.url',
      'orchestrator/secrets/orchestrator.nats.url',
    ]);
    const key = await read('home', 'admin.key');
    for (const service of ['model-gateway', 'orchestrator'])
      expect(await read('homes', service, 'admin.key')).toBe(key);
    expect(await files('nats')).toEqual(['nats.conf']);
    expect(await files('postgres')).toEqual(['password']);
  });

  it('writes all into one folder where the services share it', async () => {
    await init({ PURSER_INIT_HOMES: '', PURSER_INIT_NATS_HOME: '' });
    expect(await files('home')).toEqual(
      expect.arrayContaining(['admin.key', 'nats.url', 'secrets/agent-runner.nats.url', 'secrets/nats.conf']),
    );
    expect(await readdir(folder)).toEqual(['home', 'postgres']);
  });

  it('takes over the secrets of an earlier version, and leaves nobody more than its own', async () => {
    // One volume for all but the runner, which had the owner's URL too.
    await init({ PURSER_HOME: join(homes(), 'model-gateway'), PURSER_INIT_HOMES: '', PURSER_INIT_NATS_HOME: '' });
    const before = {
      key: await read('homes', 'model-gateway', 'admin.key'),
      postgres: await read('postgres', 'password'),
      runner: await read('homes', 'model-gateway', 'secrets', 'agent-runner.nats.url'),
    };
    await mkdir(join(homes(), 'model-gateway', 'gateway', '0'), { recursive: true });
    await writeFile(join(homes(), 'model-gateway', 'gateway', '0', 'journal'), 'kept');
    await mkdir(join(homes(), 'agent-runner', 'secrets'), { recursive: true });
    await writeFile(join(homes(), 'agent-runner', 'secrets', 'database.url'), 'postgres://purser:leaked@db/purser');

    for (let nth = 0; nth < 2; nth++) {
      expect((await init()).code).toBe(0);
      expect(await files('homes', 'model-gateway')).toEqual([
        'admin.key',
        'gateway/0/journal',
        'secrets/model-gateway.nats.url',
      ]);
      expect(await files('homes', 'agent-runner')).toEqual(['secrets/agent-runner.nats.url']);
      expect({
        key: await read('homes', 'orchestrator', 'admin.key'),
        postgres: await read('postgres', 'password'),
        runner: await read('homes', 'agent-runner', 'secrets', 'agent-runner.nats.url'),
      }).toEqual(before);
      // What the owner of the database is to get, since agents could read the old one.
      expect(await files('home', 'secrets')).toContain('postgres.password.next');
    }
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
