import 'reflect-metadata';
import { Kvm } from '@nats-io/kv';
import { headers } from '@nats-io/nats-core';
import { Catch, Controller, type ExceptionFilter, type INestMicroservice, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  BUCKETS,
  deadLetter,
  fact,
  type FactData,
  PurserError,
  STREAMS,
  tasksSubmit,
  type Vm,
  vmsList,
} from '@purser/contracts';
import { eventually, startTestNats, type TestNats } from '@purser/testing';
import { throwError } from 'rxjs';
import { z } from 'zod';
import { Bus } from './bus.js';
import { unframe } from './event.js';
import { Consume, Serve, Take, type Taken } from './handlers.js';
import { standIns } from './stand-ins.fixture.js';
import { BusStrategy } from './strategy.js';

jest.setTimeout(60_000);

const counted = fact('task.counted', {
  by: 'orchestrator',
  id: 'taskId',
  stream: 'FACTS',
  summary: 'For this spec.',
  data: z.object({ number: z.number() }),
});
const DURABLE = 'spec-counter';
const BATCH = 50;

const taken: Taken<typeof tasksSubmit>[] = [];
const batches: number[][] = [];
const reported: string[] = [];
const trouble = { passing: 0, defectOn: undefined as number | undefined, hold: Promise.resolve() };

@Controller()
class Handlers {
  @Take(tasksSubmit)
  take(message: Taken<typeof tasksSubmit>): Promise<void> {
    taken.push(message);
    const away = trouble.passing-- > 0;
    return away ? Promise.reject(new PurserError('unavailable', { message: 'database away' })) : Promise.resolve();
  }

  @Consume(counted, { durable: DURABLE, batch: BATCH })
  async consume(facts: { number: number }[]): Promise<void> {
    await trouble.hold;
    const numbers = facts.map(({ number }) => number);
    if (trouble.defectOn !== undefined && numbers.includes(trouble.defectOn)) throw new TypeError('a defect');
    batches.push(numbers);
  }

  /** What an offload-manager must serve to boot. */
  @Serve(vmsList)
  list(): Promise<{ vms: Vm[]; strays: [] }> {
    return Promise.resolve({ vms: [], strays: [] });
  }
}

/** As the service frame has it: Nest would hide errors behind one of its own. */
@Catch()
class PassOn implements ExceptionFilter {
  catch(thrown: unknown) {
    return throwError(() => thrown);
  }
}

@Module({ controllers: [Handlers, standIns('offload-manager', [vmsList])] })
class Root {}

async function boot(bus: Bus): Promise<INestMicroservice> {
  const strategy = new BusStrategy({
    bus,
    service: 'offload-manager',
    version: '1.0.0',
    report: (error, what) => void reported.push(`${what}: ${(error as Error).message}`),
    retryDelayMs: () => 20,
  });
  const app = await NestFactory.createMicroservice(Root, { strategy, logger: false, abortOnError: false });
  app.useGlobalFilters(new PassOn());
  await app.listen();
  return app;
}

const spec = (id: string) => ({ id, executor: 'command', input: {} });

describe('streams', () => {
  let nats: TestNats;
  let bus: Bus;
  let outsider: Bus;
  let app: INestMicroservice;

  beforeAll(async () => {
    nats = await startTestNats();
    bus = await Bus.connect({ url: nats.url, service: 'offload-manager', instance: 'a' });
    outsider = await Bus.connect({ url: nats.url, service: 'tools', instance: 'spec' });
    await bus.ensureStreams();
    app = await boot(bus);
  });

  afterAll(async () => {
    await app?.close();
    await Promise.all([outsider?.close(), bus?.close()]);
    await nats?.stop();
  });

  beforeEach(() => {
    for (const list of [taken, batches, reported]) list.length = 0;
  });

  const submit = (body: string, id?: string) => {
    const head = headers();
    if (id !== undefined) head.set('Nats-Msg-Id', id);
    outsider.connection.publish('tasks.submit', body, { headers: head });
  };
  const allDone = (stream: string, durable: string) =>
    eventually(async () => {
      const { num_pending, num_ack_pending } = await outsider.manager.consumers.info(stream, durable);
      expect({ num_pending, num_ack_pending }).toEqual({ num_pending: 0, num_ack_pending: 0 });
    });
  const deadLetters = async () => {
    const { state } = await outsider.manager.streams.info('DEAD');
    const letters: FactData<typeof deadLetter>[] = [];
    for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
      const message = await outsider.manager.streams.getMessage('DEAD', { seq });
      if (message) letters.push(unframe(message.string(), 'dead').data as FactData<typeof deadLetter>);
    }
    return letters;
  };

  it('has every stream of the contracts, and finds them again', async () => {
    await Promise.all([bus.ensureStreams(), outsider.ensureStreams()]);
    for (const [name, { subjects }] of Object.entries(STREAMS)) {
      expect((await outsider.manager.streams.info(name)).config).toMatchObject({
        subjects,
        storage: 'file',
        deny_purge: true,
        deny_delete: true,
      });
    }
  });

  it('lets nobody take messages out of a stream, and answers no submit', async () => {
    await expect(outsider.manager.streams.purge('FACTS')).rejects.toThrow('not permitted');
    await expect(outsider.manager.streams.deleteMessage('FACTS', 1)).rejects.toThrow('not permitted');
    await expect(outsider.jetstream.publish('tasks.submit', '{}', { timeout: 300 })).rejects.toThrow('timeout');
    await eventually(() => expect(taken).toHaveLength(1));
  });

  it('brings a stream up to date that an older version made', async () => {
    await outsider.manager.streams.update('FACTS', { max_bytes: 2 ** 20 });
    await outsider.manager.streams.update('TASKS', { no_ack: false });
    await outsider.manager.streams.delete('DEAD');
    await outsider.manager.streams.add({ name: 'DEAD', subjects: STREAMS.DEAD.subjects });
    await bus.ensureStreams();
    const config = async (name: string) => (await outsider.manager.streams.info(name)).config;
    expect((await config('FACTS')).max_bytes).toBe(STREAMS.FACTS.maxBytes);
    expect((await config('TASKS')).no_ack).toBe(true);
    expect(await config('DEAD')).toMatchObject({ deny_purge: true, deny_delete: true });
  });

  it('takes a command once, bare or as a CloudEvent, and removes it', async () => {
    submit(JSON.stringify(spec('bare')));
    submit(JSON.stringify({ specversion: '1.0', id: 'e', source: 's', type: 't', data: spec('framed') }));
    await eventually(() => expect(taken).toHaveLength(2));
    expect(taken.map((one) => one.ok && one.payload.id)).toEqual(['bare', 'framed']);
    expect(new Set(taken.map((one) => one.deliveryId)).size).toBe(2);
    expect(taken[0]).toMatchObject({ raw: JSON.stringify(spec('bare')), deliveries: 1 });
    await allDone('TASKS', 'tasks-submit');
    expect((await outsider.manager.streams.info('TASKS')).state.messages).toBe(0);
  });

  it('stores a command once when it is sent again with the same event id', async () => {
    submit(JSON.stringify(spec('again')), 'event-1');
    submit(JSON.stringify(spec('again')), 'event-1');
    submit(JSON.stringify(spec('last')), 'event-2');
    await eventually(() => expect(taken.map((one) => one.ok && one.payload.id)).toContain('last'));
    expect(taken).toHaveLength(2);
  });

  it('delivers again after trouble that passes, and says that it is the same delivery', async () => {
    trouble.passing = 12;
    submit(JSON.stringify(spec('patient')));
    await eventually(() => expect(taken).toHaveLength(13));
    expect(taken.map((one) => one.deliveries)).toEqual(Array.from({ length: 13 }, (_, index) => index + 1));
    expect(new Set(taken.map((one) => one.deliveryId)).size).toBe(1);
    await allDone('TASKS', 'tasks-submit');
    expect(reported).toEqual([]);
  });

  it('hands on what cannot be read, with the reason, and blocks nobody', async () => {
    submit('not json');
    submit('{"executor": "command"}');
    submit(JSON.stringify(spec('fine')));
    await eventually(() => expect(taken).toHaveLength(3));
    expect(taken[0]).toMatchObject({ ok: false, raw: 'not json', error: { code: 'invalid_request' } });
    expect(taken[1]).toMatchObject({ ok: false, error: { message: expect.stringContaining('input') as string } });
    expect(taken[2]).toMatchObject({ ok: true });
    await allDone('TASKS', 'tasks-submit');
  });

  it('consumes a durable fact in batches, in order, each once', async () => {
    let release = () => undefined as void;
    trouble.hold = new Promise((resolve) => (release = resolve));
    for (let number = 1; number <= 120; number++) await outsider.publish(counted, 'one', { number: 1000 + number });
    release();
    await eventually(() => expect(batches.flat()).toHaveLength(120));
    expect(batches.flat()).toEqual(Array.from({ length: 120 }, (_, index) => 1001 + index));
    expect(Math.max(...batches.map((batch) => batch.length))).toBe(BATCH);
    await allDone('FACTS', DURABLE);
  });

  it('keeps an unreadable fact as a dead letter and hands on its neighbours', async () => {
    outsider.connection.publish('task.counted.x', '{"number": "many"}');
    await outsider.publish(counted, 'x', { number: 7 });
    await eventually(() => expect(batches.flat()).toEqual([7]));
    await allDone('FACTS', DURABLE);
    expect(await deadLetters()).toContainEqual(
      expect.objectContaining({
        subject: 'task.counted.x',
        stream: 'FACTS',
        reason: expect.stringContaining('number') as string,
        payload: '{"number": "many"}',
      }),
    );
    expect(reported.join()).toContain('kept as a dead letter');
  });

  it('gives up on a message that is a defect every time, keeps it, and does not hold its neighbours', async () => {
    trouble.defectOn = 13;
    for (const number of [12, 13, 14]) await outsider.publish(counted, 'y', { number });
    await eventually(() => expect(batches.flat().sort()).toEqual([12, 14]));
    await eventually(async () =>
      expect((await deadLetters()).filter((letter) => letter.reason === 'a defect')).toMatchObject([
        { subject: 'task.counted.y', deliveries: 10 },
      ]),
    );
    trouble.defectOn = undefined;
    await allDone('FACTS', DURABLE);
    expect(batches.flat()).not.toContain(13);
  });

  it('goes on where it was after the server was killed and came back', async () => {
    await outsider.publish(counted, 'z', { number: 1 });
    await eventually(() => expect(batches.flat()).toEqual([1]));
    await nats.kill();
    await nats.restart();
    await eventually(() => outsider.publish(counted, 'z', { number: 2 }, 'after-the-crash'));
    submit(JSON.stringify(spec('after-the-crash')));
    await eventually(() => expect(batches.flat()).toContain(2));
    await eventually(() => expect(taken.map((one) => one.ok && one.payload.id)).toContain('after-the-crash'));
  });

  it('finds a stream again that was deleted and made anew', async () => {
    await outsider.manager.streams.delete('TASKS');
    await outsider.ensureStreams();
    submit(JSON.stringify(spec('new-stream')));
    await eventually(() => expect(taken.map((one) => one.ok && one.payload.id)).toContain('new-stream'), {
      timeoutMs: 30_000,
    });
  });

  it('leaves what it had not handled to the next instance', async () => {
    let release = () => undefined as void;
    trouble.hold = new Promise((resolve) => (release = resolve));
    for (let number = 1; number <= 60; number++) await outsider.publish(counted, 'w', { number });
    await eventually(async () => {
      expect((await outsider.manager.consumers.info('FACTS', DURABLE)).num_pending).toBe(0);
    });
    await bus.connection.flush();
    const closing = app.close();
    release();
    await closing;
    const before = batches.flat().length;
    expect(before).toBeGreaterThan(0);
    expect(before).toBeLessThan(60);
    app = await boot(bus);
    await eventually(() => expect(new Set(batches.flat()).size).toBe(60));
  });

  it('keeps values in a bucket', async () => {
    expect(await outsider.read(BUCKETS.emergency, 'key')).toBeUndefined();
    await bus.write(BUCKETS.emergency, 'key', { a: 1 });
    await bus.write(BUCKETS.emergency, 'key', { a: 2 });
    expect(await outsider.read(BUCKETS.emergency, 'key')).toEqual({ a: 2 });
    await expect(outsider.manager.streams.purge('KV_emergency')).rejects.toThrow('not permitted');
  });

  it('brings a bucket up to date that an older version made, and keeps what is in it', async () => {
    await outsider.manager.streams.delete('KV_emergency');
    const made = await new Kvm(outsider.jetstream).create(BUCKETS.emergency, { history: 1 });
    await made.put('key', '{"a":3}');
    await bus.ensureStreams();
    expect(await outsider.read(BUCKETS.emergency, 'key')).toEqual({ a: 3 });
    await expect(outsider.manager.streams.purge('KV_emergency')).rejects.toThrow('not permitted');
  });

  it('knows whether all are there', async () => {
    expect(await outsider.haveStreams()).toBe(true);
    await outsider.manager.streams.delete('KV_emergency');
    expect(await outsider.haveStreams()).toBe(false);
    await bus.ensureStreams();
    expect(await outsider.haveStreams()).toBe(true);
  });
});
