import { Controller, Get, Injectable, Module } from '@nestjs/common';
import { Bus, Serve, unframe } from '@purser/bus';
import {
  BUCKETS,
  emergencyCleared,
  emergencyShutdown,
  heartbeat,
  type Latch as LatchState,
  operation,
  PurserError,
  servedBy,
  taskCompleted,
  type Vm,
  vmsList,
} from '@purser/contracts';
import { appendToOutbox, Database } from '@purser/database';
import { createTestDatabase, eventually, startTestNats, type TestDatabase, type TestNats } from '@purser/testing';
import { z } from 'zod';
import { port, serviceSettings } from './config.js';
import { Readiness } from './health.js';
import { Latch } from './latch.js';
import { EmergencyStop } from './latch.handlers.js';
import { Outbox } from './outbox-relay.js';
import { type RunningService, startService } from './service.js';

jest.setTimeout(60_000);

const Config = z.object({ ...serviceSettings, PURSER_SPEC_PORT: port(0) });
const refuse = operation('spec.refuse', {
  owner: 'offload-manager',
  summary: 'For this spec.',
  request: z.object({ how: z.string() }),
  reply: z.object({}),
});

@Injectable()
class Duty {
  static calls: number[] = [];
  static fail = false;

  constructor(stop: EmergencyStop) {
    stop.register((state) => {
      Duty.calls.push(state.serial);
      return Duty.fail ? Promise.reject(new Error('one would not stop')) : Promise.resolve(['session 1 of task a']);
    });
  }
}

@Controller()
class Handlers {
  @Serve(vmsList)
  list(): Promise<{ vms: Vm[]; strays: [] }> {
    return Promise.resolve({ vms: [], strays: [] });
  }

  @Serve(refuse)
  refuse({ how }: { how: string }): Promise<Record<string, never>> {
    throw how === 'ours' ? new PurserError('budget_held', { details: { how } }) : new TypeError('a defect');
  }

  @Get('spec/refuse')
  refuseOnHttp(): void {
    throw new PurserError('emergency', { message: 'not now' });
  }
}

/** What an offload-manager must serve to boot besides. */
@Controller()
class StandIns {}
for (const contract of servedBy('offload-manager')) {
  if (contract.kind !== 'operation' || contract.name === vmsList.name) continue;
  const value = () => Promise.resolve({});
  Object.defineProperty(StandIns.prototype, contract.name, { value });
  Serve(contract)(StandIns.prototype, contract.name, { value });
}

@Module({ controllers: [Handlers, StandIns], providers: [Duty] })
class Root {}

describe('a service', () => {
  let nats: TestNats;
  let postgres: TestDatabase;
  let bus: Bus;
  let service: RunningService;
  const acknowledged: { serial: number; stopped: string[] }[] = [];

  const launch = (env: Record<string, string> = {}) =>
    startService(
      {
        name: 'offload-manager',
        config: Config,
        port: (config) => config.PURSER_SPEC_PORT,
        module: Root,
        database: { schema: 'spec', migrations: [] },
      },
      {
        PURSER_NATS_URL: nats.url,
        PURSER_DATABASE_URL: postgres.url,
        PURSER_INSTANCE: 'one',
        PURSER_LOG_LEVEL: 'silent',
        ...env,
      },
    );
  const get = async (path: string) => {
    const response = await fetch(service.url + path);
    return { status: response.status, text: await response.text() };
  };
  const latchState = (serial: number, active: boolean): LatchState => ({
    serial,
    active,
    by: 'ada',
    reason: 'drill',
    at: new Date().toISOString(),
  });
  const beat = (latch: LatchState) => {
    const { at } = latch;
    const watchdog = { service: 'cost-watchdog', instance: 'w', version: '0', startedAt: at, at, latch };
    return bus.publish(heartbeat, 'cost-watchdog.w', watchdog);
  };

  beforeAll(async () => {
    [nats, postgres] = await Promise.all([startTestNats(), createTestDatabase()]);
    bus = await Bus.connect({ url: nats.url, service: 'tools', instance: 'spec' });
    await bus.ensureStreams();
    bus.connection.subscribe('emergency.acknowledged.offload-manager.one', {
      callback: (_error, message) => {
        acknowledged.push(unframe(message.string(), 'spec').data as { serial: number; stopped: string[] });
      },
    });
    service = await launch();
  });

  afterAll(async () => {
    await service?.close();
    await bus?.close();
    await Promise.all([nats?.stop(), postgres?.drop()]);
  });

  beforeEach(() => {
    Duty.calls = [];
    Duty.fail = false;
    acknowledged.length = 0;
  });

  it('answers health and metrics under its own name', async () => {
    expect(await get('/health/live')).toEqual({ status: 200, text: '{"status":"ok"}' });
    expect(JSON.parse((await get('/health/ready')).text)).toEqual({
      status: 'ok',
      checks: { nats: 'ok', postgres: 'ok' },
    });
    expect((await get('/metrics')).text).toContain('service="offload-manager"');
  });

  it('is not ready while one of its checks fails, and says which', async () => {
    let broken = true;
    service.app.get(Readiness).add('spec', () => {
      if (broken) throw new Error('out of order');
    });
    const answer = await get('/health/ready');
    expect(answer.status).toBe(503);
    expect(JSON.parse(answer.text)).toMatchObject({
      status: 'unavailable',
      checks: { spec: 'out of order', nats: 'ok' },
    });
    broken = false;
    expect((await get('/health/ready')).status).toBe(200);
  });

  it('carries errors to whoever asked, on the bus and on HTTP', async () => {
    await expect(bus.call(refuse, { how: 'ours' })).rejects.toMatchObject({
      code: 'budget_held',
      details: { how: 'ours' },
    });
    await expect(bus.call(refuse, { how: 'defect' })).rejects.toMatchObject({ code: 'internal' });
    expect(await get('/spec/refuse')).toEqual({
      status: 403,
      text: '{"error":{"code":"emergency","message":"not now","details":{}}}',
    });
    expect((await get('/nothing')).status).toBe(404);
  });

  it('says every two seconds that it is alive', async () => {
    const heard: unknown[] = [];
    bus.connection.subscribe('heartbeat.offload-manager.one', {
      callback: (_error, message) => void heard.push(unframe(message.string(), 'spec').data),
    });
    await eventually(() => expect(heard.length).toBeGreaterThanOrEqual(2));
    expect(heard[0]).toMatchObject({
      service: 'offload-manager',
      instance: 'one',
      version: expect.any(String) as string,
    });
  });

  it('acts on an emergency once, however it hears of it, and acknowledges what it stopped', async () => {
    const latch = service.app.get(Latch);
    await beat(latchState(1, false));
    await eventually(() => expect(latch.isSet).toBe(false));
    await bus.publish(emergencyShutdown, undefined, latchState(2, true));
    await beat(latchState(2, true));
    await bus.publish(emergencyShutdown, undefined, latchState(2, true), 'again');
    await eventually(() => expect(acknowledged).toMatchObject([{ serial: 2, stopped: ['session 1 of task a'] }]));
    expect(latch.isSet).toBe(true);
    await bus.publish(emergencyCleared, undefined, latchState(2, false));
    await eventually(() => expect(latch.isSet).toBe(false));
    await bus.publish(emergencyShutdown, undefined, latchState(2, true), 'replayed');
    await beat(latchState(2, false));
    await bus.connection.flush();
    expect(Duty.calls).toEqual([2]);
    expect(latch.isSet).toBe(false);
  });

  it('believes the latch of nobody but the watchdog', async () => {
    const { at, ...latch } = latchState(90, true);
    const forged = {
      service: 'cost-watchdog',
      instance: 'w',
      version: '0',
      startedAt: at,
      at,
      latch: { ...latch, at },
    };
    await bus.publish(heartbeat, 'agent-runner.one', forged);
    await beat(latchState(2, false));
    await bus.connection.flush();
    await eventually(() => expect(service.app.get(Latch).isStale).toBe(false));
    expect(service.app.get(Latch).latest).toMatchObject({ serial: 2, active: false });
  });

  it('says so when not everything could be stopped', async () => {
    Duty.fail = true;
    await beat(latchState(3, true));
    await eventually(() =>
      expect(acknowledged).toMatchObject([{ serial: 3, stopped: ['failed: one would not stop'] }]),
    );
  });

  it('begins with the latch set when the bucket says so, and when nobody says anything', async () => {
    await bus.write(BUCKETS.emergency, 'latch', latchState(4, true));
    const second = await launch({ PURSER_INSTANCE: 'two' });
    try {
      expect(Duty.calls).toContain(4);
      expect(second.app.get(Latch).latest).toMatchObject({ serial: 4, active: true });
      await bus.write(BUCKETS.emergency, 'latch', latchState(4, false));
      const third = await launch({ PURSER_INSTANCE: 'three' });
      expect(third.app.get(Latch).isSet).toBe(true);
      await beat(latchState(4, false));
      await eventually(() => expect(third.app.get(Latch).isSet).toBe(false));
      await third.close();
    } finally {
      await second.close();
    }
  });

  describe('its outbox', () => {
    const add = (id: string, result: unknown = null) => {
      const outbox = service.app.get(Outbox);
      return service.app
        .get(Database)
        .transaction((tx) => outbox.add(tx, taskCompleted, id, { taskId: id, epoch: 1, result }, `${id}-completed`));
    };
    const stored = async () => {
      const { state } = await bus.manager.streams.info('FACTS', { subjects_filter: 'task.completed.>' });
      return Object.keys(state.subjects ?? {}).map((subject) => subject.split('.').at(-1));
    };

    it('publishes after the commit, in order, without being asked', async () => {
      const seen: string[] = [];
      bus.connection.subscribe('task.completed.*', { callback: (_e, message) => void seen.push(message.subject) });
      await bus.connection.flush();
      for (let count = 10; count < 40; count++) await add(`t${count}`);
      await eventually(() => expect(seen).toHaveLength(30));
      expect(seen).toEqual(Array.from({ length: 30 }, (_, index) => `task.completed.t${index + 10}`));
    });

    it('keeps facts while the server is away, and sends them when it is back', async () => {
      await nats.kill();
      await add('meanwhile');
      expect(await service.app.get(Database).query('SELECT subject FROM outbox')).toEqual([
        { subject: 'task.completed.meanwhile' },
      ]);
      await nats.restart();
      await eventually(async () => expect(await stored()).toContain('meanwhile'));
      await eventually(async () => expect(await service.app.get(Database).query('SELECT 1 FROM outbox')).toEqual([]));
    });

    it('sends also what an instance left behind that died after its commit', async () => {
      const event = { specversion: '1.0', id: 'orphan-completed', source: 'spec', type: 'task.completed' };
      const orphan = { eventId: event.id, subject: 'task.completed.orphan', event: JSON.stringify(event) };
      await service.app.get(Database).transaction((tx) => appendToOutbox(tx, [orphan]));
      await eventually(async () => expect(await stored()).toContain('orphan'));
      await eventually(async () => expect(await service.app.get(Database).query('SELECT 1 FROM outbox')).toEqual([]));
    });

    it('takes no fact that the server would refuse, since it would hold up the others', async () => {
      await expect(add('huge', 'x'.repeat(5 * 1024 * 1024))).rejects.toMatchObject({ code: 'payload_too_large' });
      expect(await service.app.get(Database).query('SELECT 1 FROM outbox')).toEqual([]);
    });
  });

  it('closes what it opened when it cannot start, and says why', async () => {
    const connections = async () => {
      const rows = await service.app
        .get(Database)
        .query<{ count: bigint }>('SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()');
      return Number(rows[0]?.count);
    };
    const before = await connections();
    const taken = new URL(service.url).port;
    await expect(launch({ PURSER_SPEC_PORT: taken, PURSER_INSTANCE: 'four' })).rejects.toThrow('EADDRINUSE');
    await expect(launch({ PURSER_NATS_URL: 'nowhere' })).rejects.toThrow('PURSER_NATS_URL');
    await eventually(async () => expect(await connections()).toBeLessThanOrEqual(before));
  });

  it('sends what is left in the outbox when it closes', async () => {
    const outbox = service.app.get(Outbox);
    await service.app
      .get(Database)
      .transaction((tx) => outbox.add(tx, taskCompleted, 'last', { taskId: 'last', epoch: 1, result: null }));
    await service.close();
    const { state } = await bus.manager.streams.info('FACTS', { subjects_filter: 'task.completed.last' });
    expect(state.subjects).toEqual({ 'task.completed.last': 1 });
    await expect(fetch(service.url)).rejects.toThrow();
  });
});
