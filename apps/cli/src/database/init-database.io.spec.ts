import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mayLogIn } from '@purser/database';
import { startOwnPostgres, type OwnPostgres } from '@purser/testing';
import { run } from '../program.js';
import { recordedTerminal } from '../testing/recorded-terminal.fixture.js';

jest.setTimeout(60_000);

describe('purser init-database', () => {
  let postgres: OwnPostgres;
  let folder: string;

  beforeAll(async () => {
    // Of its own: its owner gets another password here.
    postgres = await startOwnPostgres();
  });

  afterAll(() => postgres.remove());

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'purser-init-database-'));
  });

  afterEach(() => rm(folder, { recursive: true }));

  const purser = async (command: string, env: Record<string, string> = {}) => {
    const terminal = recordedTerminal({ env: { PURSER_HOME: join(folder, 'home'), ...env } });
    return { code: await run([command], terminal), ...terminal.printed };
  };
  const read = async (...path: string[]) => (await readFile(join(folder, ...path), 'utf8')).trim();
  const homes = () => ({ PURSER_INIT_HOMES: join(folder, 'homes') });

  it('writes for each service the URL of a role that the server takes, and prints no secret', async () => {
    const { code, out } = await purser('init-database', { PURSER_DATABASE_URL: postgres.url, ...homes() });
    expect(code).toBe(0);
    for (const [service, role] of [
      ['cost-watchdog', 'purser_cost_watchdog'],
      ['model-gateway', 'purser_model_gateway'],
      ['orchestrator', 'purser_orchestrator'],
      ['agent-runner', 'purser_agent_runner'],
      ['offload-manager', 'purser_offload_manager'],
    ] as const) {
      const path = ['homes', service, 'secrets', `${service}.database.url`];
      const url = await read(...path);
      expect(await mayLogIn(url)).toBe(true);
      expect(new URL(url)).toMatchObject({ username: role, host: new URL(postgres.url).host, pathname: '/purser' });
      expect(out).toContain(join(folder, ...path));
      expect(out).not.toContain(new URL(url).password);
      expect((await stat(join(folder, ...path))).mode & 0o777).toBe(0o600);
    }
    const again = await purser('init-database', { PURSER_DATABASE_URL: postgres.url, ...homes() });
    expect(again).toMatchObject({ code: 0, out });
  });

  it('says what to do without the owner’s URL', async () => {
    expect(await purser('init-database')).toMatchObject({
      code: 2,
      err: expect.stringMatching(/purser init/) as string,
    });
  });

  it('gives the owner another password when agents could read the old one', async () => {
    const { host, password } = new URL(postgres.url);
    const secrets = join(folder, 'home', 'secrets');
    await mkdir(secrets, { recursive: true });
    await writeFile(join(secrets, 'postgres.password'), password);
    await mkdir(join(folder, 'homes', 'agent-runner', 'secrets'), { recursive: true });
    await writeFile(join(folder, 'homes', 'agent-runner', 'secrets', 'database.url'), postgres.url);
    const env = { ...homes(), PURSER_INIT_POSTGRES_HOST: host };
    for (let nth = 0; nth < 2; nth++) {
      expect((await purser('init', env)).code).toBe(0);
      expect(await purser('init-database', env)).toMatchObject({ code: 0, err: '' });
      expect(await mayLogIn(postgres.url)).toBe(false);
      const url = await read('home', 'secrets', 'database.url');
      expect(await mayLogIn(url)).toBe(true);
      expect(new URL(url).password).toBe(await read('home', 'secrets', 'postgres.password'));
      expect(await readdir(secrets)).not.toContain('postgres.password.next');
      expect(await readdir(join(folder, 'homes', 'agent-runner', 'secrets'))).toEqual([
        'agent-runner.database.url',
        'agent-runner.nats.url',
      ]);
    }
  });
});
