import { Bus } from '@purser/bus';
import { emergencyStatus, type ServiceName } from '@purser/contracts';
import { eventually, startTestNats, type TestNats } from '@purser/testing';
import type { Log } from './log.js';
import { streamsThere } from './streams-there.js';

jest.setTimeout(60_000);

describe('the start of a service before the watchdog', () => {
  let nats: TestNats;
  const open: Bus[] = [];
  const said: string[] = [];
  const log = { info: (_: object, text: string) => void said.push(text) } as unknown as Log;

  beforeEach(async () => {
    nats = await startTestNats();
    said.length = 0;
  });

  afterEach(async () => {
    await Promise.all(open.splice(0).map((bus) => bus.close()));
    await nats.stop();
  });

  const busOf = async (service: ServiceName) => {
    const bus = await Bus.connect({ url: nats.url, service, instance: 'one' });
    open.push(bus);
    return bus;
  };
  const begin = (bus: Bus) => {
    const seen = { there: false, done: Promise.resolve() };
    seen.done = streamsThere(bus, log).then(() => void (seen.there = true));
    return seen;
  };

  it.each<ServiceName>(['orchestrator', 'model-gateway', 'offload-manager'])(
    '%s waits for the streams, and says so once',
    async (service) => {
      const waiting = begin(await busOf(service));
      await eventually(() => expect(said).toEqual([expect.stringContaining('waiting for a cost-watchdog')]));
      const watchdog = await busOf('cost-watchdog');
      expect(await watchdog.haveStreams()).toBe(false);
      expect(waiting.there).toBe(false);
      await streamsThere(watchdog, log);
      await waiting.done;
      expect(said).toHaveLength(1);
    },
  );

  it('agent-runner, who may not look at streams, waits for the watchdog’s answer', async () => {
    const waiting = begin(await busOf('agent-runner'));
    const watchdog = await busOf('cost-watchdog');
    await streamsThere(watchdog, log);
    await eventually(() => expect(said).toHaveLength(1));
    expect(waiting.there).toBe(false);
    const latch = { serial: 1, active: false, by: 'spec', reason: '', at: new Date().toISOString() };
    watchdog.connection.subscribe(emergencyStatus.name, {
      callback: (_, message) => void message.respond(JSON.stringify({ latch, acknowledgements: [] })),
    });
    await waiting.done;
  });

  it('does not wait for ever, and says what is missing', async () => {
    await expect(streamsThere(await busOf('orchestrator'), log, 1)).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(/No cost-watchdog came up.*Start it/) as string,
    });
  });

  it('goes on with the streams of before while the watchdog is away', async () => {
    await (await busOf('cost-watchdog')).ensureStreams();
    await streamsThere(await busOf('model-gateway'), log);
    expect(said).toEqual([]);
  });
});
