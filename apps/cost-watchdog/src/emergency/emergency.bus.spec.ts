import { Bus, unframe } from '@purser/bus';
import {
  BUCKETS,
  emergencyReset,
  emergencyShutdown,
  emergencyStatus,
  emergencyTrigger,
  type Latch,
} from '@purser/contracts';
import { Database } from '@purser/database';
import type { RunningService } from '@purser/service';
import { eventually, type OwnPostgres, startOwnPostgres, startTestNats, type TestNats } from '@purser/testing';
import { start } from '../index.js';
import { EmergencyService } from './emergency.service.js';

let nats: TestNats;
let postgres: OwnPostgres;
let service: RunningService;
let bus: Bus;
const shutdowns: Latch[] = [];

beforeAll(async () => {
  [nats, postgres] = await Promise.all([startTestNats(), startOwnPostgres()]);
  service = await start({
    PURSER_NATS_URL: nats.url,
    PURSER_DATABASE_URL: postgres.url,
    PURSER_CONFIG_DIR: '/nonexistent',
    PURSER_HOME: process.env.PURSER_TEST_RUN_DIR,
    PURSER_INSTANCE: 'one',
    PURSER_WATCHDOG_PORT: '0',
    PURSER_LOG_LEVEL: 'silent',
  });
  bus = await Bus.connect({ url: nats.url, service: 'orchestrator', instance: 'spec' });
  bus.connection.subscribe(emergencyShutdown.name, {
    callback: (_, message) => {
      shutdowns.push(unframe(message.string(), message.subject).data as Latch);
    },
  });
  await bus.connection.flush();
}, 60_000);

afterAll(async () => {
  await bus?.close();
  await postgres?.start();
  await service?.close();
  await Promise.all([nats?.stop(), postgres?.remove()]);
}, 60_000);

const kept = () => bus.read(BUCKETS.emergency, 'latch');
const decide = (reason: string) => ({ by: 'ada', reason });
const call = { timeoutMs: 10_000 };

it('is set without Postgres, cannot be cleared without it, and Postgres learns of it', async () => {
  await postgres.stop();
  const set = await bus.call(emergencyTrigger, decide('Postgres is away'), call);
  expect(set).toMatchObject({ serial: 1, active: true, by: 'ada' });
  expect(await kept()).toEqual(set);
  expect(shutdowns).toContainEqual(set);
  expect(await bus.call(emergencyTrigger, decide('again'), call)).toEqual(set);
  await expect(bus.call(emergencyReset, decide('too early'), call)).rejects.toMatchObject({
    code: 'unavailable',
    details: { store: 'Postgres' },
  });
  expect(await kept()).toEqual(set);
  expect((await bus.call(emergencyStatus, {}, call)).latch).toEqual(set);

  await postgres.start();
  // The acknowledgement waits in its stream until Postgres is back.
  await eventually(
    async () => {
      const { latch, acknowledgements } = await bus.call(emergencyStatus, {}, call);
      expect(latch).toEqual(set);
      expect(acknowledgements).toMatchObject([{ serial: 1, service: 'cost-watchdog', instance: 'one' }]);
    },
    { timeoutMs: 20_000 },
  );
  const cleared = await bus.call(emergencyReset, decide('all is well'), call);
  expect(cleared).toMatchObject({ serial: 1, active: false });
  expect(await kept()).toEqual(cleared);
}, 60_000);

it('is set without NATS, cannot be cleared without it, and is broadcast when NATS is back', async () => {
  await nats.kill();
  const emergency = service.app.get(EmergencyService, { strict: false });
  await eventually(async () => {
    // Until the connection notices, the bucket only answers late; what counts is that the answer comes.
    const set = await emergency.trigger(decide('NATS is away'));
    expect(set).toMatchObject({ serial: 2, active: true });
  });
  await expect(emergency.reset(decide('too early'))).rejects.toMatchObject({
    code: 'unavailable',
    details: { store: 'the NATS bucket "emergency"' },
  });
  await nats.restart();
  await eventually(
    async () => {
      expect(await kept()).toMatchObject({ serial: 2, active: true });
      expect(shutdowns).toContainEqual(expect.objectContaining({ serial: 2, reason: 'NATS is away' }));
    },
    { timeoutMs: 20_000 },
  );
  expect(await bus.call(emergencyReset, decide('all is well'), call)).toMatchObject({ serial: 2, active: false });
}, 60_000);

it('is told everywhere although Postgres does not say the rest of what a heartbeat carries', async () => {
  const database = service.app.get(Database, { strict: false });
  await database.query('ALTER TABLE budgets_revision RENAME TO put_away');
  try {
    await database.query(
      `UPDATE latch SET serial = serial + 1, active = true, reason = 'another watchdog was told', at = now(), announced = false`,
    );
    const set = expect.objectContaining({ serial: 3, active: true, reason: 'another watchdog was told' }) as Latch;
    await eventually(
      async () => {
        expect(await kept()).toEqual(set);
        expect(shutdowns).toContainEqual(set);
      },
      { timeoutMs: 20_000 },
    );
  } finally {
    await database.query('ALTER TABLE put_away RENAME TO budgets_revision');
  }
  expect(await bus.call(emergencyReset, decide('all is well'), call)).toMatchObject({ serial: 3, active: false });
}, 60_000);
