import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { mayLogIn } from '@purser/database';
import { Playground } from '../testing/purser-process.fixture.js';

jest.setTimeout(60_000);

describe('purser up', () => {
  let place: Playground;

  beforeEach(async () => {
    place = await Playground.make();
  });

  afterEach(() => place.remove());

  it('starts everything on loopback alone, does a task, and stops in order on Ctrl-C', async () => {
    const misspelt = { provider: 'opnai', model: 'm', price: { inputPerMillionUsd: '1', outputPerMillionUsd: '2' } };
    await place.configure('models.json', { chat: { tier_1_paid: misspelt } });
    const purser = await place.up();
    expect(purser.printed).toContain('chat.tier_1_paid: there is no provider "opnai" in plugins.json');
    expect(purser.printed).toContain('No budget is set, so paid calls have no limit.');
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

    const role = new URL(`postgres://purser_orchestrator@127.0.0.1:${place.ports.PURSER_POSTGRES_PORT}/purser`);
    role.password = (await place.read('secrets/database-orchestrator.password')).trim();
    expect(await mayLogIn(role.href)).toBe(true);

    const done = await place.echo('first');
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
});

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
