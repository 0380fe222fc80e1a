import { once } from 'node:events';
import { readFile, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { findNatsServer } from '@purser/embedded';
import { createTestDatabase, eventually, startModelServer, startTestNats } from '@purser/testing';
import { portState } from './ports.js';
import { Playground } from '../testing/purser-process.fixture.js';

jest.setTimeout(120_000);

const echo = (id: string) => ['task', 'submit', '--id', id, '--wait', '--json', '--', 'sh', '-c', `echo from ${id}`];

describe('purser up', () => {
  let place: Playground;

  beforeAll(async () => {
    // Found once for all: each playground has an empty cache of its own.
    const { path } = await findNatsServer({ env: process.env, cacheDir: process.env.PURSER_TEST_CACHE_DIR ?? '' });
    process.env.NATS_SERVER_BIN = path;
  });

  beforeEach(async () => {
    place = await Playground.make({ NATS_SERVER_BIN: process.env.NATS_SERVER_BIN });
  });

  afterEach(() => place.remove());

  it('starts everything on loopback alone, does a task, and stops in order on Ctrl-C', async () => {
    const purser = await place.up();
    expect(purser.printed).toContain(`http://127.0.0.1:${place.ports.PURSER_GATEWAY_PORT}/v1`);
    expect(purser.printed).toContain(`http://127.0.0.1:${place.ports.PURSER_API_PORT}`);
    const adminKey = (await place.read('admin.key')).trim();
    const toolsUrl = new URL((await place.read('nats.url')).trim());
    expect(toolsUrl.username).toBe('tools');
    for (const secret of [adminKey, toolsUrl.password]) expect(purser.printed).not.toContain(secret);
    for (const file of ['admin.key', 'nats.url', 'lock.db', 'secrets/postgres.password']) {
      expect([file, (await stat(join(place.home, file))).mode & 0o777]).toEqual([file, 0o600]);
    }
    if (process.platform === 'linux') {
      const hosts = await listeningHosts(Object.values(place.ports).map(Number));
      expect(hosts).toEqual(Object.values(place.ports).map(() => '127.0.0.1'));
    }

    const done = await place.purser(echo('first'));
    expect({ code: done.code, err: done.err }).toEqual({ code: 0, err: '' });
    expect(JSON.parse(done.out)).toMatchObject({ state: 'completed', result: { exitCode: 0 } });
    expect(await place.purser(['doctor', '--json'])).toMatchObject({ code: 0 });
    expect((await place.purser(['status'])).code).toBe(0);

    const second = await place.purser(['up']);
    expect(second.code).toBe(1);
    expect(second.err).toContain(`Purser already runs on ${place.home} (pid ${purser.pid}`);

    purser.signal('SIGINT');
    expect((await purser.end()).code).toBe(0);
    expect(await place.processes()).toEqual([]);
    const again = await place.up();
    const kept = await place.purser(['task', 'get', 'first', '--json']);
    expect(JSON.parse(kept.out)).toMatchObject({ state: 'completed' });
    expect((await place.read('admin.key')).trim()).toBe(adminKey);
    again.signal('SIGTERM');
    expect((await again.end()).code).toBe(0);
    expect(await place.processes()).toEqual([]);
  });

  it('lets every service do on the bus what it needs: paid calls, budgets, sessions, an emergency', async () => {
    const price = { inputPerMillionUsd: '10', outputPerMillionUsd: '30' };
    const models = await startModelServer({ models: { 'demo-large': price } });
    try {
      await place.configure('models.json', {
        general_chat: { tier_1_paid: { provider: 'openai', model: 'demo-large', price, maxOutputTokens: 256 } },
      });
      await place.configure('budgets.json', { budgets: [{ id: 'monthly', period: 'month', limitUsd: '1' }] });
      const purser = await place.up({ OPENAI_BASE_URL: models.openaiBaseUrl, OPENAI_API_KEY: 'demo' });
      const ask = `fetch(process.env.OPENAI_BASE_URL + '/chat/completions', {
        method: 'POST',
        headers: { authorization: 'Bearer ' + process.env.OPENAI_API_KEY, 'content-type': 'application/json' },
        body: JSON.stringify({ model: 'general_chat', max_tokens: 20, messages: [{ role: 'user', content: 'hi' }] }),
      }).then((answer) => process.exit(answer.status === 200 ? 0 : 1))`;
      const task = ['--id', 'paid', '--budget', '0.5', '--wait', '--', process.execPath, '-e', ask];
      expect(await place.purser(['task', 'submit', ...task])).toMatchObject({ code: 0 });
      await eventually(async () => {
        const { out } = await place.purser(['budget', 'list', '--json']);
        const { budgets } = JSON.parse(out) as { budgets: { id: string; window: { settledUsd: string } }[] };
        const spent = new Map(budgets.map(({ id, window }) => [id, Number(window.settledUsd)]));
        expect(spent.get('monthly')).toBeGreaterThan(0);
        expect(spent.get('task-paid')).toBeGreaterThan(0);
      });
      expect((await place.purser(['budget', 'set', 'monthly', '--limit', '2'])).code).toBe(0);
      expect((await place.purser(['emergency', 'trigger', '--reason', 'drill'])).code).toBe(0);
      await eventually(async () => {
        const { out } = await place.purser(['emergency', 'status', '--json']);
        const { acknowledgements } = JSON.parse(out) as { acknowledgements: unknown[] };
        expect(acknowledgements).toHaveLength(5);
      });
      expect((await place.purser(['emergency', 'reset', '--reason', 'over'])).code).toBe(0);
      purser.signal('SIGINT');
      expect((await purser.end()).code).toBe(0);
      expect(await place.read('logs/nats-server.log')).not.toMatch(/violation/i);
    } finally {
      await models.stop();
    }
  });

  it('says once what is wrong with the budgets, before anything is started', async () => {
    await place.configure('budgets.json', { budgets: [{ id: 'a', period: 'year', limitUsd: '1' }] });
    const { code, out, err } = await place.purser(['up']);
    expect([code, out]).toEqual([1, '']);
    expect(err).toMatch(/^\S+budgets\.json: budgets\.0\.period: "day", "week", "month", "total", or [^\n]+\n$/);
    await expect(place.read('logs/nats-server.log')).rejects.toThrow('ENOENT');
  });

  it('clears what a killed one left, and goes on', async () => {
    const first = await place.up();
    await place.purser(echo('before'));
    await first.killGroup();
    const left = await place.processes();
    expect(left.map(({ command }) => /nats-server/.test(command)).filter(Boolean)).toHaveLength(1);

    const second = await place.up();
    expect(second.printed).toMatch(
      new RegExp(`An earlier Purser \\(pid ${first.pid}\\) was killed; ended what it left: nats-server .*Postgres`),
    );
    expect(JSON.parse((await place.purser(['task', 'get', 'before', '--json'])).out)).toMatchObject({
      state: 'completed',
    });

    // And now everything at once.
    await second.killGroup();
    for (const { pid } of await place.processes()) process.kill(pid, 'SIGKILL');
    const third = await place.up();
    expect((await place.purser(echo('after'))).code).toBe(0);
    third.signal('SIGINT');
    expect((await third.end()).code).toBe(0);
    expect(await place.processes()).toEqual([]);
  });

  it('starts a server again that crashes, and says so', async () => {
    const purser = await place.up();
    const server = async (pattern: RegExp) => {
      const found = (await place.processes()).find(({ command }) => pattern.test(command));
      if (!found) throw new Error(`nothing runs that matches ${String(pattern)}`);
      return found.pid;
    };
    process.kill(await server(/nats-server -c/), 'SIGKILL');
    await purser.said(/nats-server ended \(SIGKILL\); starting it again\.\n.*^nats-server runs again/ms);
    process.kill(await server(/postgres -D/), 'SIGKILL');
    await purser.said(/Postgres ended \(SIGKILL\); starting it again\.\n.*^Postgres runs again/ms, 30_000);
    await eventually(
      async () => {
        const { code, err } = await place.purser(echo('later'));
        if (code !== 0) throw new Error(err);
      },
      { timeoutMs: 30_000, everyMs: 500 },
    );
    purser.signal('SIGINT');
    expect((await purser.end()).code).toBe(0);
    expect(await place.processes()).toEqual([]);
  });

  it('is ready also in an emergency that outlived it, and says so', async () => {
    const first = await place.up();
    expect((await place.purser(['emergency', 'trigger', '--by', 'ada', '--reason', 'drill'])).code).toBe(0);
    first.signal('SIGINT');
    await first.end();
    const second = await place.up();
    expect(second.printed).toMatch(/EMERGENCY since .* set by ada: drill\n.*purser emergency reset/);
    expect((await place.purser(['emergency', 'reset', '--by', 'ada', '--reason', 'over'])).code).toBe(0);
    second.signal('SIGINT');
    expect((await second.end()).code).toBe(0);
  });

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

  it('stops what it started when a service cannot start', async () => {
    const { code, err } = await place.purser(['up'], { PURSER_LEASE_MS: 'soon' });
    expect(code).not.toBe(0);
    expect(err).toContain('PURSER_LEASE_MS');
    expect(await place.processes()).toEqual([]);
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

  it('uses servers that are there, and leaves them alone at its end', async () => {
    const [nats, database] = await Promise.all([startTestNats(), createTestDatabase()]);
    try {
      const purser = await place.up({ PURSER_NATS_URL: nats.url, PURSER_DATABASE_URL: database.url });
      const own = (await place.processes()).filter(({ pid }) => pid !== purser.pid);
      expect(own).toEqual([]);
      expect((await place.purser(echo('elsewhere'))).code).toBe(0);
      purser.signal('SIGINT');
      expect((await purser.end()).code).toBe(0);
      // Both still answer: the servers to their specs' own end.
      expect(await openPorts(nats.url, database.url)).toEqual([true, true]);
    } finally {
      await Promise.all([nats.stop(), database.drop()]);
    }
  });
});

const openPorts = (...urls: string[]): Promise<boolean[]> =>
  Promise.all(
    urls.map(async (url) => {
      const { hostname, port } = new URL(url);
      return !(await portState({ host: hostname, port: Number(port) })).free;
    }),
  );

/** The addresses on which somebody listens at these ports, from the kernel's own table. */
async function listeningHosts(ports: number[]): Promise<string[]> {
  const tables = await Promise.all(
    ['/proc/net/tcp', '/proc/net/tcp6'].map((file) => readFile(file, 'utf8').catch(() => '')),
  );
  const rows = tables.flatMap((text) => text.split('\n').slice(1)).map((row) => row.trim().split(/\s+/));
  return ports.map((port) => {
    const hex = port.toString(16).toUpperCase().padStart(4, '0');
    const hosts = rows
      .filter((row) => row[1]?.endsWith(`:${hex}`) && row[3] === '0A')
      .map((row) => row[1]?.split(':')[0]);
    return hosts.map((host) => (host === '0100007F' ? '127.0.0.1' : `not loopback: ${host}`)).join(', ');
  });
}
