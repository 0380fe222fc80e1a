import { eventually, startTestNats, type TestNats } from '@purser/testing';
import { Bus } from './bus.js';
import { type Following, type Kept, StreamReader } from './stream-reader.js';

jest.setTimeout(60_000);

describe('a reader of a stream', () => {
  let nats: TestNats;
  let bus: Bus;
  let reader: StreamReader;
  let following: Following | undefined;

  beforeAll(async () => {
    nats = await startTestNats();
    bus = await Bus.connect({ url: nats.url, service: 'orchestrator', instance: 'spec' });
    await bus.ensureStreams();
    reader = new StreamReader(bus, 'FACTS');
  });

  afterEach(async () => {
    await following?.stop();
    following = undefined;
  });

  afterAll(async () => {
    await bus?.close();
    await nats?.stop();
  });

  const publish = async (subject: string, text: string) => (await bus.jetstream.publish(subject, text)).seq;
  const read = async (from: number, to: number, subject?: string) => {
    const found: Kept[] = [];
    for await (const message of reader.between(from, to, subject)) found.push(message);
    return found;
  };

  it('gives what lies between two places, of one subject or of all, and ends there', async () => {
    const { last } = await reader.ends();
    expect(await read(last + 1, last + 10)).toEqual([]);
    for (let number = 1; number <= 300; number++) await publish(`task.started.t${number % 3}`, String(number));
    const all = await read(last + 1, last + 300);
    expect(all.map(({ text }) => text)).toEqual(Array.from({ length: 300 }, (_, index) => String(index + 1)));
    expect((await read(last + 11, last + 13)).map(({ seq, text }) => [seq - last, text])).toEqual([
      [11, '11'],
      [12, '12'],
      [13, '13'],
    ]);
    const some = await read(last + 1, last + 300, 'task.*.t1');
    expect(some).toHaveLength(100);
    expect(new Set(some.map(({ subject }) => subject))).toEqual(new Set(['task.started.t1']));
    expect(await read(last + 1, last + 300, 'task.*.nobody')).toEqual([]);
    expect((await reader.ends()).last).toBe(last + 300);
  });

  it('follows each message once and in order, also over a crash of the server, and leaves no consumer', async () => {
    const { last } = await reader.ends();
    const taken: string[] = [];
    following = reader.follow(
      last + 1,
      ({ text }) => taken.push(text),
      () => undefined,
    );
    const texts: string[] = [];
    const send = async (count: number) => {
      for (let number = 0; number < count; number++) {
        texts.push(`m${texts.length}`);
        await publish('task.progressed.x', texts.at(-1) ?? '');
      }
    };
    await send(20);
    await eventually(() => expect(taken).toEqual(texts));
    await nats.kill();
    await nats.restart();
    await eventually(() => reader.ends(), { timeoutMs: 20_000 });
    await send(20);
    await eventually(() => expect(taken).toEqual(texts), { timeoutMs: 30_000 });
    await following.stop();
    await eventually(async () => {
      const { state } = await bus.manager.streams.info('FACTS');
      expect(state.consumer_count).toBe(0);
    });
  });
});
