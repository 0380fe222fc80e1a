import { createTestDatabase, startTestNats } from '@purser/testing';
import { Playground } from '../testing/purser-process.fixture.js';
import { portState } from './ports.js';

jest.setTimeout(60_000);

describe('purser up on servers that are there', () => {
  let place: Playground;

  beforeEach(async () => {
    place = await Playground.make();
  });

  afterEach(() => place.remove());

  it('uses servers that are there, and leaves them alone at its end', async () => {
    const [nats, database] = await Promise.all([startTestNats(), createTestDatabase()]);
    try {
      const purser = await place.up({ PURSER_NATS_URL: nats.url, PURSER_DATABASE_URL: database.url });
      const own = (await place.processes()).filter(({ pid }) => pid !== purser.pid);
      expect(own).toEqual([]);
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
