import { Bus, unframe } from '@purser/bus';
import { BUCKETS, emergencyReset, emergencyShutdown, emergencyStatus, type Latch } from '@purser/contracts';
import type { RunningService } from '@purser/service';
import { eventually, type OwnPostgres, startOwnPostgres, startTestNats, type TestNats } from '@purser/testing';
import { start } from '../index.js';
import { triggerDirectly } from './direct-trigger.js';

let nats: TestNats;
let postgres: OwnPostgres;
let service: RunningService | undefined;
let bus: Bus;
const shutdowns: Latch[] = [];

const startWatchdog = () =>
  start({
    PURSER_NATS_URL: nats.url,
    PURSER_DATABASE_URL: postgres.url,
    PURSER_CONFIG_DIR: '/nonexistent',
    PURSER_HOME: process.env.PURSER_TEST_RUN_DIR,
    PURSER_WATCHDOG_PORT: '0',
    PURSER_LOG_LEVEL: 'silent',
  });

const stopWatchdog = async () => {
  await service?.close();
  service = undefined;
};

beforeAll(async () => {
  [nats, postgres] = await Promise.all([startTestNats(), startOwnPostgres()]);
  // Once, for what the watchdog makes: its tables, the streams, the bucket.
  service = await startWatchdog();
  await stopWatchdog();
  bus = await Bus.connect({ url: nats.url, service: 'orchestrator', instance: 'spec' });
  bus.connection.subscribe(emergencyShutdown.name, {
    callback: (_, message) => void shutdowns.push(unframe(message.string(), message.subject).data as Latch),
  });
  await bus.connection.flush();
}, 60_000);

afterAll(async () => {
  await bus?.close();
  await postgres?.start();
  await stopWatchdog();
  await Promise.all([nats?.stop(), postgres?.remove()]);
}, 60_000);

const decide = (reason: string) => ({ by: 'ada', reason });
const access = () => ({ databaseUrl: postgres.url, natsUrl: nats.url });
const call = { timeoutMs: 10_000 };

/** The next watchdog has it, everywhere; then it is cleared, and that watchdog is gone too. */
async function settled(latch: Latch): Promise<void> {
  service = await startWatchdog();
  await eventually(
    async () => {
      expect((await bus.call(emergencyStatus, {}, call)).latch).toEqual(latch);
      expect(await bus.read(BUCKETS.emergency, 'latch')).toEqual(latch);
      expect(shutdowns).toContainEqual(latch);
    },
    { timeoutMs: 20_000 },
  );
  expect(await bus.call(emergencyReset, decide('over'), call)).toMatchObject({ active: false });
  await stopWatchdog();
}

it('sets it everywhere, tells all services, and is one emergency however often it is done', async () => {
  const { latch, ...done } = await triggerDirectly(decide('no watchdog'), access(), new Date());
  expect(latch).toMatchObject({ serial: 1, active: true, by: 'ada', reason: 'no watchdog' });
  expect(done).toEqual({ postgres: 'set', nats: 'set in the bucket and broadcast' });
  await eventually(() => expect(shutdowns).toEqual([latch]));
  expect((await triggerDirectly(decide('again'), access(), new Date())).latch).toEqual(latch);
  await settled(latch);
}, 60_000);

it('sets it in Postgres alone, and the next watchdog tells the others', async () => {
  await nats.kill();
  const { latch, postgres: stored, nats: told } = await triggerDirectly(decide('NATS is away'), access(), new Date());
  expect([latch.serial, stored, told]).toEqual([2, 'set', expect.stringContaining('not set: ')]);
  await nats.restart();
  await settled(latch);
}, 60_000);

it('sets it on NATS alone, and Postgres learns of it', async () => {
  await postgres.stop();
  const { latch, postgres: stored, nats: told } = await triggerDirectly(decide('no Postgres'), access(), new Date());
  expect([latch.serial, stored, told]).toEqual([
    3,
    expect.stringContaining('not set: '),
    'set in the bucket and broadcast',
  ]);
  await postgres.start();
  await settled(latch);
}, 60_000);

it('says so when neither can be reached', async () => {
  const nowhere = { databaseUrl: undefined, natsUrl: 'nats://127.0.0.1:1' };
  await expect(triggerDirectly(decide('alone'), nowhere, new Date())).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringMatching(
      /Postgres: its address and password are not known here\. NATS: no connection/,
    ) as string,
  });
});
