import { Playground } from '../testing/purser-process.fixture.js';

jest.setTimeout(60_000);

describe('purser up after a kill -9', () => {
  let place: Playground;

  beforeEach(async () => {
    place = await Playground.make();
  });

  afterEach(() => place.remove());

  it('clears what a killed one left, and goes on', async () => {
    const first = await place.up();
    await place.echo('before');
    await first.killGroup();
    const left = await place.processes();
    expect(left.map(({ command }) => /nats-server/.test(command)).filter(Boolean)).toHaveLength(1);

    const doctor = await place.purser(['doctor']);
    expect(doctor.out).toMatch(/^warn {2}ports .*left: nats-server \(pid \d+\), Postgres \(pid \d+\)$/m);
    expect(doctor.code).toBe(0);

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
    expect((await place.echo('after')).code).toBe(0);
    third.signal('SIGINT');
    expect((await third.end()).code).toBe(0);
    expect(await place.processes()).toEqual([]);
  });
});
