import 'reflect-metadata';
import { Catch, Controller, type ExceptionFilter, type INestMicroservice, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { operation, PurserError, type Vm, vmsList } from '@purser/contracts';
import { startTestNats, type TestNats } from '@purser/testing';
import { throwError } from 'rxjs';
import { z } from 'zod';
import { Bus } from './bus.js';
import { Serve, ServeReplies } from './handlers.js';
import { Replies, type ReplyMessage } from './replies.js';
import { standIns } from './stand-ins.fixture.js';
import { BusStrategy } from './strategy.js';

jest.setTimeout(60_000);

const countDown = operation('spec.count', {
  owner: 'offload-manager',
  summary: 'For this spec.',
  request: z.strictObject({ from: z.number() }),
  reply: z.object({ number: z.number().max(1_000), filler: z.string().optional() }),
});
type Counted = z.input<typeof countDown.reply>;

@Controller()
class Handlers {
  @Serve(vmsList)
  list(): Promise<{ vms: Vm[]; strays: [] }> {
    return Promise.resolve({ vms: [], strays: [] });
  }

  @ServeReplies(countDown)
  count({ from }: { from: number }): Promise<Replies<Counted>> {
    return Promise.resolve(new Replies(this.numbers(from)));
  }

  private async *numbers(from: number): AsyncGenerator<ReplyMessage<Counted>> {
    if (from === 77) yield { data: { number: 1, filler: 'x'.repeat(9 * 1024 * 1024) } };
    for (let number = from; number > 0; number--) {
      if (number === 13) throw new PurserError('conflict', { message: 'not this one' });
      yield { data: { number }, headers: { 'x-left': String(number - 1) } };
      await Promise.resolve();
    }
    yield { headers: { 'x-sum': String((from * (from + 1)) / 2) } };
  }
}

@Catch()
class PassOn implements ExceptionFilter {
  catch(thrown: unknown) {
    return throwError(() => thrown);
  }
}

@Module({ controllers: [Handlers, standIns('offload-manager', [vmsList])] })
class Root {}

let nats: TestNats;
let server: Bus;
let client: Bus;
let app: INestMicroservice;
beforeAll(async () => {
  nats = await startTestNats();
  server = await Bus.connect({ url: nats.url, service: 'offload-manager', instance: 'server' });
  client = await Bus.connect({ url: nats.url, service: 'cli', instance: 'client' });
  const strategy = new BusStrategy({
    bus: server,
    service: 'offload-manager',
    version: '1.0.0',
    report: () => undefined,
  });
  app = await NestFactory.createMicroservice(Root, { strategy, logger: false, abortOnError: false });
  app.useGlobalFilters(new PassOn());
  await app.listen();
});
afterAll(async () => {
  await app?.close();
  await Promise.all([client?.close(), server?.close()]);
  await nats?.stop();
});

const ask = async (from: number) => {
  const replies = await client.connection.requestMany('spec.count', JSON.stringify({ from }), {
    strategy: 'sentinel',
    maxWait: 10_000,
  });
  const seen: { text: string; header: (name: string) => string | undefined }[] = [];
  for await (const reply of replies) {
    seen.push({ text: reply.string(), header: (name) => reply.headers?.get(name) });
    if (reply.headers?.has('Nats-Service-Error-Code')) break;
  }
  return seen;
};

it('answers in several messages with headers, ended by an empty one', async () => {
  const seen = await ask(3);
  expect(seen.map(({ text }) => text)).toEqual(['{"number":3}', '{"number":2}', '{"number":1}', '']);
  expect(seen.map(({ header }) => header('x-left'))).toEqual(['2', '1', '0', '']);
  expect(seen.at(-1)?.header('x-sum')).toBe('6');
});

it('gives one who asks as usual the first', async () => {
  expect(await client.call(countDown, { from: 3 })).toEqual({ number: 3 });
});

it('ends with an error when the rest fails', async () => {
  const seen = await ask(15);
  expect(seen.map(({ text }) => text).slice(0, 2)).toEqual(['{"number":15}', '{"number":14}']);
  expect(seen).toHaveLength(3);
  expect(seen[2]?.header('Nats-Service-Error')).toBe('conflict');
});

it('says that an answer breaks its contract, or is larger than a message may be', async () => {
  await expect(client.call(countDown, { from: 2_000 })).rejects.toMatchObject({ code: 'internal' });
  await expect(client.call(countDown, { from: 77 })).rejects.toMatchObject({ code: 'payload_too_large' });
});
