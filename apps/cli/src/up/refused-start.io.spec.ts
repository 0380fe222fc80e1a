import { once } from 'node:events';
import { chown, mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { eventually } from '@purser/testing';
import { Playground } from '../testing/purser-process.fixture.js';

jest.setTimeout(60_000);

/** Nobody else can give a folder away. */
const asRoot = process.getuid?.() === 0 ? it : it.skip;

describe('a start that cannot be', () => {
  let place: Playground;

  beforeEach(async () => {
    place = await Playground.make();
  });

  afterEach(() => place.remove());

  it('names a port that is taken and its variable, before it starts anything', async () => {
    const port = Number(place.ports.PURSER_API_PORT);
    const squatter = createServer().listen(port, '127.0.0.1');
    await once(squatter, 'listening');
    try {
      const { code, err } = await place.purser(['up']);
      expect(code).toBe(1);
      expect(err).toContain(`Port ${port} on 127.0.0.1 for orchestrator is taken`);
      expect(err).toContain('PURSER_API_PORT');
      if (process.platform === 'linux') expect(err).toContain(`(pid ${process.pid})`);
      expect(await place.processes()).toEqual([]);
      const doctor = await place.purser(['doctor']);
      expect(doctor.code).toBe(1);
      expect(doctor.out).toMatch(/^fail {2}ports .*taken/m);
    } finally {
      squatter.close();
    }
  });

  it('lists all that is wrong with the configuration, and starts nothing', async () => {
    await place.configure('budgets.json', { budgets: [{ id: 'all', period: 'year', limitUsd: '1' }] });
    await place.configure('models.json', '{');
    await place.configure('plugins.json', { plugins: [{ use: '@purser/command', config: { user: 'me' } }] });
    const { code, out, err } = await place.purser(['up'], { PURSER_LEASE_MS: 'soon' });
    expect([code, out]).toEqual([2, '']);
    const lines = err.trimEnd().split('\n');
    expect(lines).toEqual([
      '4 things in the configuration are wrong; nothing was started.',
      'PURSER_LEASE_MS is not valid: expected milliseconds such as 8000',
      expect.stringMatching(/budgets\.json: budgets\.0\.period: "day", "week"/),
      expect.stringMatching(/models\.json is not JSON/),
      expect.stringMatching(/plugins\.json: @purser\/command: its config: user: /),
    ]);
    await expect(stat(place.home)).rejects.toThrow('ENOENT');
    const doctor = await place.purser(['doctor'], { PURSER_LEASE_MS: 'soon' });
    expect(doctor.code).toBe(1);
    for (const line of lines.slice(1)) expect(doctor.out).toContain(line);
  });

  it('ends where the data folder cannot be made at all, and the doctor says so', async () => {
    const nowhere = { PURSER_HOME: '/proc/purser/home', NATS_SERVER_BIN: '' };
    const { code, err } = await place.purser(['up'], nowhere);
    expect([code, err]).toEqual([1, expect.stringMatching(/\/proc\/purser\/home cannot be made.*Set PURSER_HOME/)]);
    const doctor = await place.purser(['doctor'], nowhere);
    expect(doctor.code).toBe(1);
    expect(doctor.out).toMatch(/^fail {2}data folder .*cannot be made/m);
  });

  asRoot('leaves the data folder of another user alone, also as root', async () => {
    await mkdir(place.home);
    await chown(place.home, 1, 1);
    const { code, err } = await place.purser(['up']);
    expect(code).toBe(1);
    expect(err).toMatch(/belongs to another user \(daemon\).*\n.*chown -R 1 /);
    const doctor = await place.purser(['doctor']);
    expect(doctor.code).toBe(1);
    expect(doctor.out).toMatch(/^fail {2}data folder .*belongs to another user/m);
    expect(await readdir(place.home)).toEqual([]);
  });

  it('stops what it started when a service cannot start', async () => {
    await mkdir(place.home);
    await writeFile(join(place.home, 'workspaces'), 'not a folder');
    const { code, err } = await place.purser(['up']);
    expect(code).toBe(1);
    expect(err).toContain('workspaces');
    expect(await place.processes()).toEqual([]);
    expect(await place.read('logs/nats-server.log')).toContain('Server is ready');
    expect(await place.read('logs/postgres.log')).toContain('shut down');
  });

  it('stops also when it is asked to while it starts', async () => {
    const starting = place.up();
    starting.catch(() => undefined);
    const pid = await eventually(async () =>
      Number((JSON.parse(await place.read('purser.pid')) as { pid: number }).pid),
    );
    process.kill(pid, 'SIGTERM');
    await eventually(async () => expect(await place.processes()).toEqual([]), { timeoutMs: 30_000, everyMs: 100 });
    await expect(starting).rejects.toThrow(/It ended/);
  });
});
