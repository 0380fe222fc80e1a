import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Bus } from '@purser/bus';
import { schedulesChanged, schedulesGet, tasksList } from '@purser/contracts';
import type { RunningService } from '@purser/service';
import { createTestDatabase, eventually, startTestNats, type TestDatabase, type TestNats } from '@purser/testing';
import { start } from '../index.js';
import { openTasks } from '../on-postgres.fixture.js';
import { StandInWatchdog } from '../stand-in-watchdog.fixture.js';
import { scheduleSpec } from './schedules-on-postgres.fixture.js';

jest.setTimeout(60_000);

const work = { executor: 'command', input: { argv: ['true'] } };

describe('schedules of two orchestrators', () => {
  let nats: TestNats;
  let database: TestDatabase;
  let home: string;
  let bus: Bus;
  let watchdog: StandInWatchdog;
  let services: RunningService[] = [];

  const orchestrator = () =>
    start({
      PURSER_NATS_URL: nats.url,
      PURSER_DATABASE_URL: database.url,
      PURSER_HOME: home,
      PURSER_API_PORT: '0',
      PURSER_LOG_LEVEL: 'silent',
    });

  beforeAll(async () => {
    [nats, database, home] = await Promise.all([
      startTestNats(),
      createTestDatabase(),
      mkdtemp(join(tmpdir(), 'purser-schedules-')),
    ]);
    bus = await Bus.connect({ url: nats.url, service: 'tools', instance: 'spec' });
    await bus.ensureStreams();
    watchdog = new StandInWatchdog(bus);
    services = [await orchestrator(), await orchestrator()];
  });

  afterAll(async () => {
    watchdog?.stop();
    await Promise.all(services.map((service) => service.close()));
    await bus?.close();
    await Promise.all([nats?.stop(), database?.drop()]);
    await rm(home, { recursive: true, force: true });
  });

  const api = async (method: string, path: string, body?: object) => {
    const key = (await readFile(join(home, 'admin.key'), 'utf8')).trim();
    const response = await fetch((services.at(-1) as RunningService).url + path, {
      method,
      headers: { authorization: `Bearer ${key}` },
      ...(body && { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as never };
  };

  const fires = async (id: string) => {
    const answer = await bus.call(schedulesGet, { id });
    return answer.fires.reverse();
  };

  it('are made, shown, changed and removed by REST', async () => {
    const asked = { id: 'by-rest', cron: '30 2 * * 1-5', timezone: 'Europe/Berlin', task: work };
    expect(await api('POST', '/v1/schedules', asked)).toMatchObject({ status: 201, body: { state: 'active' } });
    expect(await api('GET', '/v1/schedules')).toMatchObject({ status: 200, body: { schedules: [{ id: 'by-rest' }] } });
    expect(await api('PUT', '/v1/schedules/by-rest', { everySeconds: 3600, task: work })).toMatchObject({
      status: 200,
      body: { cron: null, everySeconds: 3600 },
    });
    expect(await api('POST', '/v1/schedules/by-rest/pause', { reason: 'no need' })).toMatchObject({
      body: { state: 'paused', pausedReason: 'no need' },
    });
    expect(await api('POST', '/v1/schedules/by-rest/resume')).toMatchObject({ body: { state: 'active' } });
    expect(await api('POST', '/v1/schedules/by-rest/trigger')).toMatchObject({
      body: { outcome: 'fired', manual: true },
    });
    expect(await api('GET', '/v1/schedules/by-rest')).toMatchObject({ body: { fires: [{ manual: true }] } });
    expect(await api('DELETE', '/v1/schedules/by-rest')).toMatchObject({ body: { deleted: true } });
    expect(await api('GET', '/v1/schedules/by-rest')).toMatchObject({ status: 404 });
  });

  it.each([
    [{ cron: '61 * * * *' }, 'cron', 'Invalid value for minute: 61'],
    [{ cron: '@daily', timezone: 'Berlin' }, 'timezone', 'an IANA time zone such as "Europe/Berlin"'],
    [{ cron: '@daily', task: { ...work, id: 'x' } }, 'task.id', 'Unrecognized key'],
  ])('are refused with the field named: %j', async (given, field, problem) => {
    const { status, body } = await api('POST', '/v1/schedules', { id: 'wrong', task: work, ...given });
    expect({ status, body }).toMatchObject({
      status: 422,
      body: { error: { code: 'invalid_request', message: expect.stringContaining(`${field}: `) as string } },
    });
    expect((body as { error: { message: string } }).error.message).toContain(problem);
  });

  it('fire on time and once, also when one of the two ends', async () => {
    await api('POST', '/v1/schedules', { id: 'tick', everySeconds: 1, overlap: 'queue', catchUp: 'all', task: work });
    await eventually(async () => expect((await fires('tick')).length).toBeGreaterThan(3));
    await (services.shift() as RunningService).close();
    const before = (await fires('tick')).length;
    await eventually(async () => expect((await fires('tick')).length).toBeGreaterThan(before + 2));
    await api('POST', '/v1/schedules/tick/pause');
    const all = await fires('tick');
    const times = all.map(({ at }) => Date.parse(at));
    const [first = 0] = times;
    expect(times).toEqual(times.map((_, index) => first + index * 1_000));
    const { tasks } = await bus.call(tasksList, { limit: 500 });
    const made = tasks.map(({ id }) => id).filter((id) => id.startsWith('tick-'));
    expect(made.reverse().slice(-all.length)).toEqual(all.map(({ taskId }) => taskId));
    await api('DELETE', '/v1/schedules/tick');
  });

  it('are looked at again as soon as somebody says that they changed', async () => {
    // As another orchestrator would write it: this one knows nothing of it, and would look in half a minute.
    const other = await openTasks(database.url);
    const spec = scheduleSpec('told', { everySeconds: 1 });
    await other.query(
      `INSERT INTO schedules (id, spec, anchor_at, cursor_at, next_at, created_at, updated_at)
       VALUES ('told', $1::json, now(), now(), now() + interval '1 second', now(), now())`,
      [JSON.stringify(spec)],
    );
    await other.close();
    await bus.publish(schedulesChanged, undefined, {});
    await eventually(async () => expect(await fires('told')).not.toEqual([]));
  });
});
