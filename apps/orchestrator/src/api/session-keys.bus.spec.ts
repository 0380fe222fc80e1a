import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Bus } from '@purser/bus';
import { keysCheck, type KeyProof, type RequestOf, tasksCreate } from '@purser/contracts';
import { newKeySecret, type RunningService } from '@purser/service';
import { createTestDatabase, eventually, startTestNats, type TestDatabase, type TestNats } from '@purser/testing';
import { start } from '../index.js';
import { StandInWatchdog } from '../stand-in-watchdog.fixture.js';

jest.setTimeout(60_000);

const work = (id?: string, more: object = {}) => ({ ...(id && { id }), executor: 'command', input: {}, ...more });

/** Sessions of two tasks on the control API; what the gateway keeps of their keys is answered by the spec. */
describe('a session with its own key', () => {
  let nats: TestNats;
  let database: TestDatabase;
  let home: string;
  let bus: Bus;
  let watchdog: StandInWatchdog;
  let service: RunningService;
  const keys = new Map<string, { task: string; proof: KeyProof }>();
  let asked = 0;

  const keyOf = (task: string): string => {
    const { secret, proof } = newKeySecret();
    keys.set(proof.prefix, { task, proof });
    return secret;
  };

  beforeAll(async () => {
    [nats, database, home] = await Promise.all([
      startTestNats(),
      createTestDatabase(),
      mkdtemp(join(tmpdir(), 'purser-orchestrator-')),
    ]);
    bus = await Bus.connect({ url: nats.url, service: 'tools', instance: 'spec' });
    await bus.ensureStreams();
    watchdog = new StandInWatchdog(bus);
    bus.connection.subscribe(keysCheck.name, {
      callback: (_error, message) => {
        asked += 1;
        const { prefix } = message.json<RequestOf<typeof keysCheck>>();
        const known = keys.get(prefix);
        const at = new Date().toISOString();
        const none = {
          project: null,
          capabilities: null,
          models: null,
          requestsPerMinute: null,
          tokensPerMinute: null,
        };
        const key = known && {
          ...{ id: 's', prefix, name: 's', task: known.task, session: `session-of-${known.task}` },
          ...{ ...none, createdAt: at, expiresAt: at, revokedAt: null },
        };
        message.respond(
          JSON.stringify({ key: key ?? null, proof: known?.proof ?? null, expiresInMs: known ? 60_000 : null }),
        );
      },
    });
    service = await start({
      PURSER_NATS_URL: nats.url,
      PURSER_DATABASE_URL: database.url,
      PURSER_HOME: home,
      PURSER_API_PORT: '0',
      PURSER_LOG_LEVEL: 'silent',
    });
    for (const id of ['mine', 'other']) await bus.call(tasksCreate, work(id));
    await bus.call(tasksCreate, work('part-of-other', { parent: 'other' }));
  });

  afterAll(async () => {
    watchdog?.stop();
    await service?.close();
    await bus?.close();
    await Promise.all([nats?.stop(), database?.drop()]);
    await rm(home, { recursive: true, force: true });
  });

  const ask = async (key: string, method: string, path: string, body?: unknown) => {
    const response = await fetch(service.url + path, {
      method,
      headers: { authorization: `Bearer ${key}` },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };

  it('hands in parts of its task, and sees and cancels these alone', async () => {
    const key = keyOf('mine');
    expect(await ask(key, 'POST', '/v1/tasks', work('one'))).toMatchObject({ status: 201, body: { parent: 'mine' } });
    expect(await ask(key, 'POST', '/v1/tasks', work('two', { parent: 'mine' }))).toMatchObject({ status: 201 });
    const lines = `${JSON.stringify(work('three', { dependsOn: ['one'] }))}\n{"id":\n${JSON.stringify(work('four'))}`;
    expect(await ask(key, 'POST', '/v1/tasks/batch', lines)).toMatchObject({ body: { taken: 2, refused: 1 } });
    const list = await ask(key, 'GET', '/v1/tasks?limit=10');
    expect((list.body.tasks as { id: string }[]).map(({ id }) => id)).toEqual(['four', 'three', 'two', 'one']);
    expect(await ask(key, 'GET', '/v1/tasks/three')).toMatchObject({ status: 200, body: { parent: 'mine' } });
    expect(await ask(key, 'POST', '/v1/tasks/two/cancel')).toMatchObject({ body: { state: 'cancelled' } });
    // Far fewer questions than requests.
    expect(asked).toBeLessThan(6);
  });

  it('gets at nothing else', async () => {
    const key = keyOf('mine');
    const event = { specversion: '1.0', id: 'e', source: 's', type: 't', data: work('hidden', { parent: 'other' }) };
    expect(await ask(key, 'POST', '/v1/tasks', work('x', { parent: 'other' }))).toMatchObject({ status: 403 });
    expect(await ask(key, 'POST', '/v1/tasks/batch', [work('x', { parent: 'other' })])).toMatchObject({ status: 403 });
    expect(await ask(key, 'POST', '/v1/tasks/batch', [event])).toMatchObject({ body: { taken: 0, refused: 1 } });
    expect(
      await ask(key, 'POST', '/v1/tasks/batch', { tasks: [JSON.stringify(work('x', { parent: 'other' }))] }),
    ).toMatchObject({ body: { taken: 0, refused: 1 } });
    // A runner would clone it, and push to it, with rights of its own.
    const elsewhere = work('x', { workspace: { repository: 'https://example.org/private.git' } });
    expect(await ask(key, 'POST', '/v1/tasks', elsewhere)).toMatchObject({ status: 403 });
    expect(await ask(key, 'POST', '/v1/tasks/batch', [elsewhere])).toMatchObject({ status: 403 });
    expect(await ask(key, 'GET', '/v1/tasks?parent=other')).toMatchObject({ status: 403 });
    for (const id of ['part-of-other', 'other', 'mine', 'nobody']) {
      expect(await ask(key, 'GET', `/v1/tasks/${id}`)).toMatchObject({ status: 404 });
      expect(await ask(key, 'POST', `/v1/tasks/${id}/cancel`)).toMatchObject({ status: 404 });
    }
    for (const [method, path] of [
      ['GET', '/v1/budgets'],
      ['GET', '/v1/tasks/mine/logs'],
      ['POST', '/v1/emergency/trigger'],
    ] as const)
      expect(await ask(key, method, path, method === 'POST' ? { by: 'x', reason: 'x' } : undefined)).toMatchObject({
        status: 403,
        body: { error: { code: 'forbidden' } },
      });
    expect(await ask(newKeySecret().secret, 'GET', '/v1/tasks')).toMatchObject({ status: 401 });
  });

  it('is refused soon after its key has ended', async () => {
    const key = keyOf('mine');
    expect((await ask(key, 'GET', '/v1/tasks')).status).toBe(200);
    keys.clear();
    await eventually(async () => expect((await ask(key, 'GET', '/v1/tasks')).status).toBe(401));
  });
});
