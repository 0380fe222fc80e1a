import 'reflect-metadata';
import { Catch, Controller, type ExceptionFilter, type INestMicroservice, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { fact, operation, PurserError, type Vm, vmsList } from '@purser/contracts';
import { eventually, startTestNats, type TestNats } from '@purser/testing';
import { throwError } from 'rxjs';
import { z } from 'zod';
import { Bus } from './bus.js';
import { inspectServer } from './connect.js';
import { Hear, Serve } from './handlers.js';
import { standIns } from './stand-ins.fixture.js';
import { BusStrategy } from './strategy.js';
import { currentTraceId, withTrace } from './trace.js';

jest.setTimeout(60_000);

const divide = operation('spec.divide', {
  owner: 'offload-manager',
  summary: 'For this spec.',
  request: z.strictObject({ by: z.number().default(1), of: z.number() }),
  reply: z.object({ result: z.number(), trace: z.string().optional() }),
});
const greet = operation('spec.greet', {
  owner: 'offload-manager',
  summary: 'For this spec.',
  request: z.object({ from: z.string(), word: z.string() }),
  reply: z.object({ greeting: z.string() }),
  speaker: 'from',
});
const rung = fact('spec.rung', {
  by: 'offload-manager',
  id: 'bell',
  summary: 'For this spec.',
  data: z.object({ times: z.number() }),
});

const heard: string[] = [];
const reported: string[] = [];

@Controller()
class Handlers {
  @Serve(vmsList)
  list(): Promise<{ vms: Vm[]; strays: [] }> {
    return Promise.resolve({ vms: [], strays: [] });
  }

  @Serve(divide)
  async divide({ of, by }: { of: number; by: number }): Promise<{ result: number; trace?: string | undefined }> {
    if (by === 0) throw new PurserError('conflict', { message: 'nothing to divide by', details: { by } });
    if (by === 13) throw new TypeError('a defect');
    if (by === 99) await new Promise((resolve) => setTimeout(resolve, 400));
    if (by === -1) return { result: 'text' as never };
    return { result: of / by, trace: currentTraceId() };
  }

  @Serve(greet)
  greet({ from, word }: { from: string; word: string }): Promise<{ greeting: string }> {
    return Promise.resolve({ greeting: `${word} from ${from}` });
  }

  @Hear(rung)
  hear({ times }: { times: number }): Promise<void> {
    heard.push(`first ${times}`);
    return times === 3 ? Promise.reject(new Error('too loud')) : Promise.resolve();
  }
}

@Controller()
class Listener {
  @Hear(rung)
  hear({ times }: { times: number }): Promise<void> {
    heard.push(`second ${times}`);
    return Promise.resolve();
  }
}

/** As the service frame has it: Nest would hide errors behind one of its own. */
@Catch()
class PassOn implements ExceptionFilter {
  catch(thrown: unknown) {
    return throwError(() => thrown);
  }
}

async function boot(bus: Bus, ...controllers: Type[]): Promise<INestMicroservice> {
  @Module({ controllers: [...controllers, standIns('offload-manager', [vmsList])] })
  class Root {}
  const strategy = new BusStrategy({
    bus,
    service: 'offload-manager',
    version: '1.0.0',
    report: (error, what) => void reported.push(`${what}: ${(error as Error).message}`),
  });
  const app = await NestFactory.createMicroservice(Root, { strategy, logger: false, abortOnError: false });
  app.useGlobalFilters(new PassOn());
  await app.listen();
  return app;
}

describe('requests over the bus', () => {
  let nats: TestNats;
  let server: Bus;
  let client: Bus;
  let app: INestMicroservice;

  beforeAll(async () => {
    nats = await startTestNats();
    server = await Bus.connect({ url: nats.url, service: 'offload-manager', instance: 'server' });
    client = await Bus.connect({ url: nats.url, service: 'cli', instance: 'client' });
    app = await boot(server, Handlers, Listener);
  });

  afterAll(async () => {
    await app?.close();
    await Promise.all([client?.close(), server?.close()]);
    await nats?.stop();
  });

  /** As another program would ask: text in, text out. */
  const ask = async (payload: string) => {
    const reply = await client.connection.request('spec.divide', payload, { timeout: 2_000 });
    return { status: reply.headers?.get('Nats-Service-Error-Code'), body: JSON.parse(reply.string()) as unknown };
  };

  it('answers a typed call, filling in defaults', async () => {
    expect(await client.call(divide, { of: 6, by: 3 })).toMatchObject({ result: 2 });
    expect(await client.call(divide, { of: 6 })).toMatchObject({ result: 6 });
  });

  it('takes a bare payload and a CloudEvent alike', async () => {
    expect(await ask('{"of": 8, "by": 2}')).toMatchObject({ status: undefined, body: { result: 4 } });
    const event = { specversion: '1.0', id: '1', source: 'elsewhere', type: 'x', data: { of: 8, by: 4 } };
    expect(await ask(JSON.stringify(event))).toMatchObject({ status: undefined, body: { result: 2 } });
  });

  it.each([
    ['{"of": ', 'not JSON'],
    ['{"of": "six"}', 'of'],
    ['{"of": 6, "buy": 3}', 'buy'],
    ['{"specversion": "1.0"}', 'not a CloudEvent'],
    ['[]', 'spec.divide'],
    ['', 'of'],
  ])('answers %j with invalid_request, naming what is wrong', async (payload, named) => {
    expect(await ask(payload)).toMatchObject({
      status: '422',
      body: { error: { code: 'invalid_request', message: expect.stringContaining(named) as string } },
    });
  });

  it('refuses a wrong request before it is sent', async () => {
    await expect(client.call(divide, { of: 'six' as never })).rejects.toMatchObject({
      code: 'invalid_request',
      details: { issues: [{ field: 'of' }] },
    });
  });

  it('carries the code, message and details of an error to the caller', async () => {
    const refused = client.call(divide, { of: 1, by: 0 });
    await expect(refused).rejects.toBeInstanceOf(PurserError);
    await expect(refused).rejects.toMatchObject({
      code: 'conflict',
      message: 'nothing to divide by',
      details: { by: 0 },
    });
  });

  it('says "internal" for a defect, reports it here, and tells the caller nothing of it', async () => {
    await expect(client.call(divide, { of: 1, by: 13 })).rejects.toMatchObject({
      code: 'internal',
      message: expect.not.stringContaining('a defect') as string,
    });
    expect(reported).toContain('spec.divide failed: a defect');
  });

  it('does not pass on an answer that breaks its contract', async () => {
    await expect(client.call(divide, { of: 1, by: -1 })).rejects.toMatchObject({ code: 'internal' });
    expect(reported.some((line) => line.includes('breaks the contract'))).toBe(true);
  });

  it('tells nobody there from nobody answering in time, and lets the caller give up', async () => {
    const nobody = operation('spec.nobody', { ...divide, owner: 'model-gateway' });
    await expect(client.call(nobody, { of: 1 })).rejects.toMatchObject({
      code: 'unavailable',
      message: 'spec.nobody: no model-gateway is running',
    });
    await expect(client.call(divide, { of: 1, by: 99 }, { timeoutMs: 100 })).rejects.toMatchObject({ code: 'timeout' });
    const leave = new AbortController();
    const left = client.call(divide, { of: 1, by: 99 }, { signal: leave.signal });
    leave.abort(new Error('left'));
    await expect(left).rejects.toThrow('left');
    await expect(client.call(divide, { of: 1 }, { signal: leave.signal })).rejects.toThrow('left');
  });

  it('carries the trace of the caller to the handler', async () => {
    const trace = '0af7651916cd43dd8448eb211c80319c';
    const reply = await withTrace(`00-${trace}-b7ad6b7169203331-01`, () => client.call(divide, { of: 1 }));
    expect(reply.trace).toBe(trace);
    expect((await client.call(divide, { of: 1 })).trace).toMatch(/^[0-9a-f]{32}$/);
  });

  it('lets every listener hear a fact; one that fails or a wrong one is reported', async () => {
    await client.publish(rung, 'tower', { times: 1 });
    await eventually(() => expect(heard.sort()).toEqual(['first 1', 'second 1']));
    await client.publish(rung, 'tower', { times: 3 });
    client.connection.publish('spec.rung.tower', 'ding');
    await eventually(() => expect(reported.join('\n')).toMatch(/too loud[^]*not JSON|not JSON[^]*too loud/));
    await expect(client.publish(rung, undefined, { times: 1 })).rejects.toThrow('with its bell');
  });

  it('shows itself to the NATS services protocol', async () => {
    const info = await client.connection.request('$SRV.INFO.offload-manager', '', { timeout: 2_000 });
    expect(info.json()).toMatchObject({
      name: 'offload-manager',
      version: '1.0.0',
      metadata: { instance: 'server' },
      endpoints: expect.arrayContaining([
        expect.objectContaining({ name: 'spec-divide', subject: 'spec.divide', queue_group: 'offload-manager' }),
      ]) as unknown,
    });
  });

  it('tells who speaks by the subject, on which the server lets only that one publish, whatever the message says', async () => {
    expect(await client.call(greet, { from: 'a', word: 'hello' })).toEqual({ greeting: 'hello from a' });
    const lie = JSON.stringify({ from: 'b', word: 'hello' });
    const reply = await client.connection.request('spec.greet.a', lie, { timeout: 2_000 });
    expect(reply.json()).toEqual({ greeting: 'hello from a' });
    await expect(client.connection.request('spec.greet', lie, { timeout: 2_000 })).rejects.toThrow(/no responders/i);
  });

  it('does not boot with a handler missing or doubled', async () => {
    await expect(boot(server, Listener)).rejects.toThrow('offload-manager: no handler for vms.list');
    @Controller()
    class Again {
      @Serve(vmsList)
      list(): Promise<{ vms: Vm[]; strays: [] }> {
        return Promise.resolve({ vms: [], strays: [] });
      }
    }
    await expect(boot(server, Handlers, Again)).rejects.toThrow('two handlers for "vms.list"');
  });

  it('answers again soon after the server was killed and came back', async () => {
    await nats.kill();
    await eventually(() => expect(client.connected).toBe(false));
    await expect(client.call(divide, { of: 4, by: 2 }, { timeoutMs: 200 })).rejects.toMatchObject({
      code: 'unavailable',
      retryable: true,
    });
    const patient = eventually(() => client.call(divide, { of: 4, by: 2 }, { timeoutMs: 10_000 }), { everyMs: 100 });
    await nats.restart();
    expect(await patient).toMatchObject({ result: 2 });
    const cut = client.call(divide, { of: 1, by: 99 }, { timeoutMs: 30_000 });
    await client.connection.flush();
    await nats.kill();
    await expect(cut).rejects.toMatchObject({ code: 'timeout', retryable: true });
    await nats.restart();
  });

  it('tells a message that the server does not take from a bus that is away', async () => {
    const small = await startTestNats({ maxPayloadBytes: 64 * 1024 });
    const caller = await Bus.connect({ url: small.url, service: 'cli', instance: 'small' });
    try {
      const tooMuch = { of: 1, by: 1, note: 'x'.repeat(70_000) };
      const noted = operation('spec.divide', {
        owner: 'offload-manager',
        summary: 'For this spec.',
        request: z.strictObject({ by: z.number(), of: z.number(), note: z.string() }),
        reply: z.object({ result: z.number() }),
      });
      const refused = { code: 'payload_too_large', details: { limitBytes: 65_536 } };
      await expect(caller.call(noted, tooMuch)).rejects.toMatchObject(refused);
      await expect(caller.publishFramed('spec.rung.x', 'x'.repeat(70_000), 'e', true)).rejects.toMatchObject(refused);
      expect(await inspectServer(small.url)).toEqual({ jetstream: true, maxPayloadBytes: 65_536 });
    } finally {
      await caller.close();
      await small.stop();
    }
  });

  it('explains a connection that fails', async () => {
    await expect(
      Bus.connect({ url: 'nats://127.0.0.1:1', service: 'cli', instance: 'x', connectTimeoutMs: 0 }),
    ).rejects.toMatchObject({ code: 'unavailable', message: expect.stringContaining('127.0.0.1:1') as string });
  });
});
