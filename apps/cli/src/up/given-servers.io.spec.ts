import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '@purser/embedded';
import { createTestDatabase, eventually, startTestNats } from '@purser/testing';
import { Playground } from '../testing/purser-process.fixture.js';
import { requireGivenNats } from './given-nats.js';
import { portState } from './ports.js';

jest.setTimeout(60_000);

describe('purser up on servers that are there', () => {
  let place: Playground;

  beforeEach(async () => {
    place = await Playground.make();
  });

  afterEach(() => place.remove());

  it('refuses a NATS without JetStream, and says where a message may be too large', async () => {
    const nats = await startPlainNats(place);
    const small = await startTestNats({ maxPayloadBytes: 1024 * 1024 });
    try {
      const { code, err } = await place.purser(['up'], { PURSER_NATS_URL: nats.url });
      expect([code, err]).toEqual([
        1,
        expect.stringMatching(/JetStream is off.*PURSER_NATS_URL.*\n.*`jetstream \{\}`/),
      ]);
      const doctor = await place.purser(['doctor'], { PURSER_NATS_URL: nats.url });
      expect(doctor.code).toBe(1);
      expect(doctor.out).toMatch(/^fail {2}NATS +JetStream is off/m);
      const warned = await place.purser(['doctor'], { PURSER_NATS_URL: small.url });
      expect(warned.out).toMatch(/^warn {2}NATS +max_payload is 1048576 bytes/m);
      const said: string[] = [];
      await requireGivenNats(small.url, (text) => said.push(text));
      expect(said.join()).toContain('max_payload is 1048576 bytes');
    } finally {
      await Promise.all([nats.stop(), small.stop()]);
    }
  });

  it('uses servers that are there, and leaves them alone at its end', async () => {
    const [nats, database] = await Promise.all([startTestNats(), createTestDatabase()]);
    await mkdir(place.home, { mode: 0o700 });
    await writeFile(join(place.home, 'nats.url'), 'nats://tools:old@127.0.0.1:1\n');
    try {
      const purser = await place.up({ PURSER_NATS_URL: nats.url, PURSER_DATABASE_URL: database.url });
      const own = (await place.processes()).filter(({ pid }) => pid !== purser.pid);
      expect(own).toEqual([]);
      await expect(place.read('nats.url')).rejects.toThrow('ENOENT');
      expect((await place.echo('elsewhere')).code).toBe(0);
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

/** As somebody's own server is by default. */
async function startPlainNats({ env }: Playground): Promise<{ url: string; stop: () => Promise<void> }> {
  const port = await freePort();
  const server = spawn(env.NATS_SERVER_BIN ?? 'nats-server', ['-a', '127.0.0.1', '-p', String(port)]);
  await eventually(async () => expect((await portState({ host: '127.0.0.1', port })).free).toBe(false));
  return {
    url: `nats://127.0.0.1:${port}`,
    stop: async () => {
      const ended = once(server, 'exit');
      server.kill('SIGTERM');
      await ended;
    },
  };
}
