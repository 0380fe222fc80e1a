import 'reflect-metadata';
import { Controller, type INestMicroservice, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { type Vm, vmsList } from '@purser/contracts';
import { eventually, startTestNats, type TestNats } from '@purser/testing';
import { Bus } from './bus.js';
import { Serve } from './handlers.js';
import { standIns } from './stand-ins.fixture.js';
import { BusStrategy } from './strategy.js';

const reported: string[] = [];
let asked = 0;

@Controller()
class Handlers {
  @Serve(vmsList)
  list(): Promise<{ vms: Vm[]; strays: [] }> {
    asked += 1;
    return Promise.resolve({ vms: [], strays: [] });
  }
}

@Module({ controllers: [Handlers, standIns('offload-manager', [vmsList])] })
class Root {}

describe('where answers go', () => {
  let nats: TestNats;
  let server: Bus;
  let client: Bus;
  let app: INestMicroservice;

  beforeAll(async () => {
    nats = await startTestNats();
    server = await Bus.connect({ url: nats.url, service: 'offload-manager', instance: 'server' });
    client = await Bus.connect({ url: nats.url, service: 'tools', instance: 'client' });
    const strategy = new BusStrategy({
      bus: server,
      service: 'offload-manager',
      version: '1.0.0',
      report: (error, what) => void reported.push(`${what}: ${(error as Error).message}`),
    });
    app = await NestFactory.createMicroservice(Root, { strategy, logger: false, abortOnError: false });
    await app.listen();
  });

  afterAll(async () => {
    await app?.close();
    await Promise.all([client?.close(), server?.close()]);
    await nats?.stop();
  });

  beforeEach(() => {
    reported.length = 0;
    asked = 0;
  });

  it.each(['vms.list', '$SRV.PING', '$SRV.INFO', '$SRV.STATS.offload-manager'])(
    'answers %s in an inbox of any client, and on no other subject',
    async (subject) => {
      const answers: string[] = [];
      for (const heard of ['elsewhere.>', '_INBOX.>', '_INBOX_other.>'])
        client.connection.subscribe(heard, { callback: (_, message) => void answers.push(message.subject) });
      const ask = (reply: string) => client.connection.publish(subject, '', { reply });
      ask('elsewhere.delete');
      ask('_INBOX.plain');
      ask('elsewhere.purge');
      ask('_INBOX_other.1');
      await eventually(() => expect(answers).toHaveLength(2));
      // Answered after all of these.
      await client.connection.request(subject, '', { timeout: 2_000 });
      expect(answers.sort()).toEqual(['_INBOX.plain', '_INBOX_other.1']);
    },
  );

  it('does not even run what is asked with another reply subject or none, and says so no more than once per second', async () => {
    // What the cases before said does not count.
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    for (let nth = 0; nth < 50; nth++) client.connection.publish('vms.list', '{}', { reply: 'budgets.delete' });
    for (let nth = 0; nth < 50; nth++) client.connection.publish('vms.list', '{}');
    await client.call(vmsList, {});
    expect(asked).toBe(1);
    expect(reported).toHaveLength(1);
    expect(reported[0]).toMatch(/vms\.list.*budgets\.delete.*_INBOX/);
  });
});
