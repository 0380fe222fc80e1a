import { once } from 'node:events';
import { connect, createServer as h2server } from 'node:http2';
import { Bus } from './bus.js';
import { SessionLink } from './session-link.js';
import { startTestNats, type TestNats } from '@purser/testing';
import type { NatsConnection } from '@nats-io/nats-core';

let nats: TestNats;
let one: Bus;
let other: Bus;

beforeEach(async () => {
  nats = await startTestNats();
  one = await Bus.connect({ url: nats.url, service: 'agent-runner', instance: 'one' });
  other = await Bus.connect({ url: nats.url, service: 'vm-agent', instance: 'two' });
});

afterEach(async () => {
  await one.close();
  await other.close();
  await nats.stop();
});

/** The same connection, of which every so many messages get lost. */
const lossy = (connection: NatsConnection, every: number): NatsConnection => {
  let count = 0;
  return new Proxy(connection, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property, target);
      if (property === 'publish')
        return (...all: Parameters<NatsConnection['publish']>) => {
          count += 1;
          if (count % every !== 0) target.publish(...all);
        };
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
};

async function linked(every = Infinity, silenceMs = 20_000): Promise<[SessionLink, SessionLink]> {
  const signal = AbortSignal.timeout(10_000);
  const vm = { connection: lossy(other.connection, every), hear: 'vm.down', say: 'vm.up', silenceMs };
  const runner = { connection: lossy(one.connection, every), hear: 'vm.up', say: 'vm.down', silenceMs };
  const accepted = SessionLink.accept(vm, signal);
  return Promise.all([SessionLink.open(runner, signal), accepted]);
}

const collected = async (link: SessionLink, bytes: number): Promise<Buffer> => {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of link.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    parts.push(part);
    size += part.length;
    if (size >= bytes) break;
  }
  return Buffer.concat(parts);
};

it.each([Infinity, 40])(
  'carries bytes both ways, whole and in order, where every %s. message is lost',
  async (every) => {
    const [runner, vm] = await linked(every);
    const bytes = Buffer.from(Array.from({ length: 1_500_000 }, (_, nth) => (nth * 7 + (nth >> 8)) % 256));
    const there = collected(vm, bytes.length);
    const back = collected(runner, bytes.length);
    for (let at = 0; at < bytes.length; at += 100_000) {
      runner.write(bytes.subarray(at, at + 100_000));
      vm.write(bytes.subarray(at, at + 100_000));
    }
    expect((await there).equals(bytes)).toBe(true);
    expect((await back).equals(bytes)).toBe(true);
    runner.destroy();
    await once(vm, 'close');
  },
);

it('carries HTTP/2 with streams of both directions at once', async () => {
  const [runner, vm] = await linked();
  const server = h2server();
  server.on('stream', (stream) => {
    stream.respond({ ':status': 200 });
    stream.pipe(stream);
  });
  server.emit('connection', vm);
  const client = connect('http://vm', { createConnection: () => runner });
  const asked = client.request({ ':method': 'POST', ':path': '/' });
  asked.write('first');
  expect(String((await once(asked, 'data'))[0])).toBe('first');
  asked.end('second');
  expect(String((await once(asked, 'data'))[0])).toBe('second');
  await once(asked, 'end');
  client.destroy();
  await once(vm, 'close');
});

it('opens to one runner alone, and ends when nothing is heard of the other end', async () => {
  const [runner, vm] = await linked(Infinity, 3_000);
  const second = SessionLink.open(
    { connection: one.connection, hear: 'vm.up', say: 'vm.down' },
    AbortSignal.timeout(1_500),
  );
  await expect(second).rejects.toThrow('timeout');
  const ended = once(vm, 'error');
  vm.on('close', () => undefined);
  runner.on('error', () => undefined);
  await one.connection.close();
  expect(String((await ended)[0])).toContain('nothing was heard');
  runner.destroy();
});

it('tells for how long there will be signs of life', async () => {
  const [runner, vm] = await linked();
  const told = new Promise<number>((resolve) => (vm.onSign = (forMs) => forMs > 0 && resolve(forMs)));
  runner.sign(4_321);
  expect(await told).toBe(4_321);
  runner.destroy();
  vm.destroy();
});
