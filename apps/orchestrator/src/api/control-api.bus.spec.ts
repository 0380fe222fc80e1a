import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Bus } from '@purser/bus';
import { OPERATIONS, sessionsContent } from '@purser/contracts';
import type { RunningService } from '@purser/service';
import { createTestDatabase, eventually, startTestNats, type TestDatabase, type TestNats } from '@purser/testing';
import { start } from '../index.js';
import { StandInWatchdog } from '../stand-in-watchdog.fixture.js';

jest.setTimeout(60_000);

const work = (id?: string) => ({ ...(id === undefined ? {} : { id }), executor: 'command', input: { argv: ['true'] } });

describe('the control API', () => {
  let nats: TestNats;
  let database: TestDatabase;
  let home: string;
  let bus: Bus;
  let watchdog: StandInWatchdog;
  let service: RunningService;

  beforeAll(async () => {
    [nats, database, home] = await Promise.all([
      startTestNats(),
      createTestDatabase(),
      mkdtemp(join(tmpdir(), 'purser-orchestrator-')),
    ]);
    bus = await Bus.connect({ url: nats.url, service: 'tools', instance: 'spec' });
    await bus.ensureStreams();
    watchdog = new StandInWatchdog(bus);
    service = await start({
      PURSER_NATS_URL: nats.url,
      PURSER_DATABASE_URL: database.url,
      PURSER_HOME: home,
      PURSER_API_PORT: '0',
      PURSER_LOG_LEVEL: 'silent',
    });
  });

  afterAll(async () => {
    watchdog?.stop();
    await service?.close();
    await bus?.close();
    await Promise.all([nats?.stop(), database?.drop()]);
    await rm(home, { recursive: true, force: true });
  });

  const api = async (method: string, path: string, body?: string, headers: Record<string, string> = {}) => {
    const key = (await readFile(join(home, 'admin.key'), 'utf8')).trim();
    const response = await fetch(service.url + path, {
      method,
      headers: { authorization: `Bearer ${key}`, ...headers },
      ...(body === undefined ? {} : { body }),
    });
    return { status: response.status, headers: response.headers, body: (await response.json()) as never };
  };

  it('passes on what sessions keep as bytes, and nothing whole when it is not what was saved', async () => {
    const state = randomBytes(2 * 1024 * 1024 + 3);
    const digest = `sha256:${createHash('sha256').update(state).digest('hex')}`;
    const size = 1024 * 1024;
    bus.connection.subscribe(sessionsContent.name, {
      callback: (_error, message) => {
        const { id, piece } = sessionsContent.request.parse(message.json());
        const part =
          id === 'bad' && piece === 2 ? Buffer.from('xyz') : state.subarray(piece * size, (piece + 1) * size);
        message.respond(JSON.stringify({ digest, size: state.length, pieces: 3, bytes: part.toString('base64') }));
      },
    });
    await bus.connection.flush();
    const key = (await readFile(join(home, 'admin.key'), 'utf8')).trim();
    const get = (path: string) => fetch(service.url + path, { headers: { authorization: `Bearer ${key}` } });
    for (const path of ['/v1/tasks/good/checkpoint/content', '/v1/tasks/good/artifacts/state.bin']) {
      const response = await get(path);
      expect(response.headers.get('etag')).toBe(`"${digest}"`);
      expect(Buffer.from(await response.arrayBuffer()).equals(state)).toBe(true);
    }
    await expect(get('/v1/tasks/bad/checkpoint/content').then((response) => response.arrayBuffer())).rejects.toThrow();
    expect((await fetch(`${service.url}/v1/tasks/good/checkpoint/content`)).status).toBe(401);
  });

  it('creates, reads, lists and cancels by REST', async () => {
    const created = await api('POST', '/v1/tasks', JSON.stringify({ ...work('by-rest'), labels: ['rest'] }));
    expect(created).toMatchObject({ status: 201, body: { id: 'by-rest' } });
    expect(await api('GET', '/v1/tasks/by-rest')).toMatchObject({
      status: 200,
      body: { id: 'by-rest', state: 'ready' },
    });
    expect(await api('GET', '/v1/tasks?label=rest&limit=1')).toMatchObject({
      body: { tasks: [{ id: 'by-rest' }], next: null },
    });
    for (let round = 0; round < 2; round++) {
      expect(await api('POST', '/v1/tasks/by-rest/cancel')).toMatchObject({
        status: 200,
        body: { state: 'cancelled' },
      });
    }
  });

  it('takes several as an array, as lines of JSON or as an object, each by itself', async () => {
    const lines = `${JSON.stringify(work('ndjson-1'))}\n{"id":\n${JSON.stringify(work('ndjson-2'))}\n`;
    const headers = { 'content-type': 'application/x-ndjson' };
    expect(await api('POST', '/v1/tasks/batch', lines, headers)).toMatchObject({
      status: 200,
      body: { taken: 2, refused: 1, results: [{ id: 'ndjson-1' }, { index: 1, error: {} }, { id: 'ndjson-2' }] },
    });
    for (const body of [[work('ndjson-1')], { tasks: [work('ndjson-2')] }])
      expect(await api('POST', '/v1/tasks/batch', JSON.stringify(body))).toMatchObject({
        body: { taken: 1, results: [{ created: false, state: 'ready' }] },
      });
    expect(await api('POST', '/v1/tasks/batch', '[]')).toMatchObject({ status: 422 });
    expect(await api('POST', '/v1/tasks', JSON.stringify([work()]))).toMatchObject({ status: 422 });
  });

  it('gives lists as CSV to who asks for it', async () => {
    const key = (await readFile(join(home, 'admin.key'), 'utf8')).trim();
    const ask = async (path: string, accept: string) => {
      const response = await fetch(service.url + path, { headers: { authorization: `Bearer ${key}`, accept } });
      return { type: response.headers.get('content-type'), text: await response.text() };
    };
    expect(await ask('/v1/costs/history?by=day', 'text/csv')).toEqual({
      type: 'text/csv; charset=utf-8; header=present',
      text: 'at,provider,amountUsd,inputTokens,outputTokens,requests\r\n2026-11-26T00:00:00.000Z,"a, b",1.50,10,5,1\r\n',
    });
    expect((await ask('/v1/costs/history', '*/*')).text).toMatch(/^\{"spend":/);
    // An error, and what is no list, is told in JSON.
    expect((await ask('/v1/costs/history?by=year', 'text/csv')).text).toMatch(/^\{"error":/);
    expect((await ask('/v1/tasks', 'text/csv')).text).toMatch(/^\{"tasks":/);
  });

  it('says which field is wrong, what is not JSON, and what does not exist', async () => {
    const wrong = await api('POST', '/v1/tasks', JSON.stringify({ ...work(), priority: 12 }));
    expect(wrong).toMatchObject({
      status: 422,
      body: { error: { code: 'invalid_request', details: { issues: [{ field: 'priority' }] } } },
    });
    const broken = await api('POST', '/v1/tasks', '{"executor": ', { 'content-type': 'application/json' });
    expect(broken).toMatchObject({
      status: 422,
      body: { error: { message: expect.stringContaining('not JSON') as string } },
    });
    expect(await api('GET', '/v1/tasks/nobody')).toMatchObject({
      status: 404,
      body: { error: { code: 'not_found' } },
    });
    expect(await api('GET', '/v1/nothing')).toMatchObject({ status: 404, body: { error: { code: 'not_found' } } });
    expect(await api('GET', '/v1/tasks?limit=0')).toMatchObject({ status: 422 });
    expect(await api('GET', '/v1/tasks?after=x')).toMatchObject({ status: 422 });
  });

  it('says that a parameter was given twice', async () => {
    expect(await api('GET', '/v1/tasks?limit=1&limit=2')).toMatchObject({
      status: 422,
      body: { error: { message: expect.stringContaining('limit: was given more than once') as string } },
    });
  });

  it('asks for the admin key', async () => {
    for (const authorization of ['', 'Bearer nonsense', 'Basic YTpi']) {
      const refused = await api('GET', '/v1/tasks', undefined, { authorization });
      expect(refused).toMatchObject({ status: 401, body: { error: { code: 'unauthorized' } } });
      expect(refused.headers.get('www-authenticate')).toContain('Bearer');
    }
  });

  it('answers 503 for a service that does not run', async () => {
    expect(await api('GET', '/v1/vms')).toMatchObject({ status: 503, body: { error: { code: 'unavailable' } } });
  });

  it('serves its description, health and metrics without a key', async () => {
    const open = (path: string) =>
      fetch(service.url + path).then(async (r) => ({ status: r.status, text: await r.text() }));
    expect(JSON.parse((await open('/openapi.json')).text)).toMatchObject({ openapi: '3.1.0' });
    expect(await open('/health/ready')).toMatchObject({ status: 200 });
    expect((await open('/metrics')).text).toMatch(/purser_tasks\{state="ready",service="orchestrator"\} \d+/);
  });

  it('carries the trace of a request into its facts', async () => {
    const trace = '0af7651916cd43dd8448eb211c80319c';
    let event = '';
    bus.connection.subscribe('task.created.traced', {
      callback: (_error, message) => void (event = message.string()),
    });
    await bus.connection.flush();
    await api('POST', '/v1/tasks', JSON.stringify(work('traced')), {
      traceparent: `00-${trace}-b7ad6b7169203331-01`,
    });
    await eventually(() => expect(event).toContain(trace));
  });

  it('makes the admin key at the first start, for its owner alone', async () => {
    expect((await stat(join(home, 'admin.key'))).mode & 0o777).toBe(0o600);
  });

  it('has a route for every operation with a path', async () => {
    for (const { http, name } of OPERATIONS) {
      if (!http) continue;
      const path = http.path.replaceAll(/:\w+/g, 'nobody');
      const response = await fetch(service.url + path, { method: http.method });
      expect({ name, status: response.status }).toEqual({ name, status: 401 });
    }
    expect((await fetch(`${service.url}/v1/events`)).status).toBe(401);
  });

  it('refuses a body that is larger than a message may be', async () => {
    expect(await api('POST', '/v1/tasks', `{"id": "${'x'.repeat(9 * 1024 * 1024)}"}`)).toMatchObject({
      status: 413,
      body: { error: { code: 'payload_too_large' } },
    });
  });
});
