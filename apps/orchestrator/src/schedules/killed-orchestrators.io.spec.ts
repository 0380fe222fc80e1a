import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Bus } from '@purser/bus';
import { schedulesCreate, schedulesPause } from '@purser/contracts';
import type { Database } from '@purser/database';
import { createTestDatabase, eventually, startTestNats, type TestDatabase, type TestNats } from '@purser/testing';
import { openTasks } from '../on-postgres.fixture.js';
import { StandInWatchdog } from '../stand-in-watchdog.fixture.js';

jest.setTimeout(120_000);

const MAIN = join(import.meta.dirname, '../../dist/main.js');
const KILLS = 6;

describe('schedules of orchestrators that are killed', () => {
  let nats: TestNats;
  let test: TestDatabase;
  let home: string;
  let bus: Bus;
  let watchdog: StandInWatchdog;
  let database: Database;
  const running = new Set<ChildProcess>();

  const orchestrator = () => {
    const { PATH = '', HOME = '' } = process.env;
    const child = spawn(process.execPath, [MAIN], {
      stdio: 'ignore',
      env: {
        PATH,
        HOME,
        PURSER_NATS_URL: nats.url,
        PURSER_DATABASE_URL: test.url,
        PURSER_HOME: home,
        PURSER_API_PORT: '0',
      },
    });
    running.add(child);
    return child;
  };
  const kill = async (child: ChildProcess) => {
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
    running.delete(child);
  };

  beforeAll(async () => {
    [nats, test, home] = await Promise.all([
      startTestNats(),
      createTestDatabase(),
      mkdtemp(join(tmpdir(), 'purser-killed-')),
    ]);
    bus = await Bus.connect({ url: nats.url, service: 'tools', instance: 'spec' });
    await bus.ensureStreams();
    watchdog = new StandInWatchdog(bus);
    database = await openTasks(test.url);
  });

  afterAll(async () => {
    await Promise.all([...running].map(kill));
    watchdog?.stop();
    await Promise.all([bus?.close(), database?.close()]);
    await Promise.all([nats?.stop(), test?.drop()]);
    await rm(home, { recursive: true, force: true });
  });

  const fires = () =>
    database.query<{ at: Date; task_id: string }>('SELECT fire_at AS at, task_id FROM schedule_fires ORDER BY fire_at');
  const moreFires = async () => {
    const { length } = await fires();
    await eventually(async () => expect((await fires()).length).toBeGreaterThan(length), { timeoutMs: 30_000 });
  };

  it('fire each time once, with one that is always there or comes back, and after both were gone', async () => {
    let two = [orchestrator(), orchestrator()];
    const task = { executor: 'command', input: { argv: ['true'] } };
    await eventually(
      () => bus.call(schedulesCreate, { id: 'tick', everySeconds: 2, overlap: 'queue', catchUp: 'all', task }),
      { timeoutMs: 40_000 },
    );
    for (let round = 0; round < KILLS; round++) {
      await moreFires();
      // At any moment, also of a fire.
      await delay(Math.random() * 2_000);
      const [victim, other] = two as [ChildProcess, ChildProcess];
      if (round % 3 === 2) {
        // Both; what passes meanwhile is caught up.
        await Promise.all(two.map(kill));
        two = [orchestrator(), orchestrator()];
      } else if (round % 3 === 1) {
        // As a machine that sleeps, perhaps in the middle of a fire.
        victim.kill('SIGSTOP');
        await delay(2_000);
        victim.kill('SIGCONT');
      } else {
        await kill(victim);
        two = [other, orchestrator()];
      }
    }
    await moreFires();
    await eventually(() => bus.call(schedulesPause, { id: 'tick' }));
    const rows = await fires();
    const first = rows[0]?.at.getTime() ?? 0;
    expect(rows.map(({ at }) => at.getTime())).toEqual(rows.map((_, index) => first + index * 2_000));
    const tasks = await database.query<{ id: string }>('SELECT id FROM tasks ORDER BY id');
    expect(tasks.map(({ id }) => id)).toEqual(rows.map(({ task_id }) => task_id));
  });
});
