import { eventually } from '@purser/testing';
import { Playground } from '../testing/purser-process.fixture.js';

jest.setTimeout(90_000);

describe('servers under purser up', () => {
  let place: Playground;

  beforeEach(async () => {
    place = await Playground.make();
  });

  afterEach(() => place.remove());

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
        const { code, err } = await place.echo('later');
        if (code !== 0) throw new Error(err);
      },
      { timeoutMs: 30_000, everyMs: 500 },
    );
    purser.signal('SIGINT');
    expect((await purser.end()).code).toBe(0);
    expect(await place.processes()).toEqual([]);
  });
});
