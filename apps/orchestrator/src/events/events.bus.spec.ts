import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { Bus } from '@purser/bus';
import { taskCancelled, taskProgressed } from '@purser/contracts';
import { createLog, Metrics } from '@purser/service';
import { eventually, startTestNats, type TestNats } from '@purser/testing';
import fastify, { type FastifyInstance } from 'fastify';
import { LiveEvents } from './live-events.service.js';
import { serveEvents } from './serve-events.js';

jest.setTimeout(60_000);

interface Seen {
  id: number;
  event: string | undefined;
  data: Record<string, unknown>;
}

/** A client as a browser is one. */
class Client {
  readonly seen: Seen[] = [];
  readonly ended: Promise<void>;
  private readonly over = new AbortController();

  private constructor(readonly response: Response) {
    this.ended = this.read().catch(() => undefined);
  }

  static async open(url: string, headers: Record<string, string> = {}): Promise<Client> {
    const client = new Client(await fetch(url, { headers }));
    if (client.response.ok) await eventually(() => expect(client.said('open')).toHaveLength(1));
    return client;
  }

  get events(): Seen[] {
    return this.seen.filter(({ event }) => event === undefined);
  }

  get subjects(): unknown[] {
    return this.events.map(({ data }) => data.subject);
  }

  said(event: string): Seen[] {
    return this.seen.filter((one) => one.event === event);
  }

  close(): void {
    this.over.abort();
  }

  private async read(): Promise<void> {
    let text = '';
    const reader = this.response.body!.pipeThrough(new TextDecoderStream()).getReader();
    this.over.signal.addEventListener('abort', () => void reader.cancel());
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      text += value;
      const parts = text.split('\n\n');
      text = parts.pop() ?? '';
      for (const part of parts) this.take(part);
    }
  }

  private take(part: string): void {
    const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(part)?.[1];
    const data = field('data');
    if (data === undefined) return;
    this.seen.push({
      id: Number(field('id')),
      event: field('event'),
      data: JSON.parse(data) as Record<string, unknown>,
    });
  }
}

describe('/v1/events', () => {
  let nats: TestNats;
  let bus: Bus;
  let events: LiveEvents;
  let server: FastifyInstance;
  let url: string;
  let dropped: () => Promise<string>;
  const clients: Client[] = [];

  const serve = async (patienceMs = 500) => {
    const log = createLog({ service: 'orchestrator', instance: 'spec', level: 'silent' });
    const metrics = new Metrics('orchestrator');
    dropped = () => metrics.registry.getSingleMetricAsString('purser_event_clients_dropped_total');
    events = new LiveEvents(bus, log, metrics);
    server = fastify({ forceCloseConnections: true });
    serveEvents(server, () => undefined, events, patienceMs);
    await server.listen({ port: 0, host: '127.0.0.1' });
    url = `http://127.0.0.1:${(server.server.address() as AddressInfo).port}/v1/events`;
  };
  const stop = async () => {
    await events.onModuleDestroy();
    await server.close();
  };
  const open = async (query = '', headers: Record<string, string> = {}) => {
    const client = await Client.open(url + query, headers);
    clients.push(client);
    return client;
  };
  const cancelled = (taskId: string) => bus.publish(taskCancelled, taskId, { taskId, epoch: 1 });

  beforeAll(async () => {
    nats = await startTestNats();
    bus = await Bus.connect({ url: nats.url, service: 'orchestrator', instance: 'spec' });
    await bus.ensureStreams();
    await serve();
  });

  afterEach(() => {
    for (const client of clients.splice(0)) client.close();
  });

  afterAll(async () => {
    await stop();
    await bus?.close();
    await nats?.stop();
  });

  it('are what the client asked for, in order, as CloudEvents with their place', async () => {
    const [all, one, failures] = await Promise.all([open(), open('?task=b'), open('?subjects=task.failed.>,alert.>')]);
    for (const id of ['a', 'b', 'a', 'b']) await cancelled(id);
    await eventually(() => expect(all.subjects).toHaveLength(4));
    expect(all.subjects).toEqual(['a', 'b', 'a', 'b'].map((id) => `task.cancelled.${id}`));
    expect(all.events[0]?.data).toMatchObject({ specversion: '1.0', data: { taskId: 'a', epoch: 1 } });
    const places = all.events.map(({ id }) => id);
    expect(places).toEqual([...places].sort((a, b) => a - b));
    await eventually(() => expect(one.subjects).toEqual(['task.cancelled.b', 'task.cancelled.b']));
    expect(failures.subjects).toEqual([]);
    expect(all.response.headers.get('content-type')).toMatch('text/event-stream');
  });

  it('go on after the last that was seen, without loss or doubling, also when the orchestrator was away', async () => {
    const first = await open('?subjects=task.cancelled.>');
    await cancelled('before-1');
    await eventually(() => expect(first.subjects).toEqual(['task.cancelled.before-1']));
    const last = String(first.events.at(-1)?.id);
    await stop();
    await first.ended;
    expect(first.said('closing')).toHaveLength(1);
    for (let number = 0; number < 200; number++) await cancelled(`away-${number}`);
    await serve();
    const again = await open('?subjects=task.cancelled.>', { 'last-event-id': last });
    await cancelled('after');
    const expected = [
      ...Array.from({ length: 200 }, (_, number) => `task.cancelled.away-${number}`),
      'task.cancelled.after',
    ];
    await eventually(() => expect(again.subjects).toEqual(expected));
    expect(again.said('gap')).toEqual([]);
  });

  it('are all that is kept for who asks from the beginning, and a gap is told', async () => {
    const { state } = await bus.manager.streams.info('FACTS');
    const whole = await open('?after=0');
    await eventually(() => expect(whole.events).toHaveLength(state.messages));
    const ahead = await open('', { 'last-event-id': '999999' });
    expect(ahead.said('gap')).toHaveLength(1);
    expect(ahead.said('gap')[0]?.data).toMatchObject({ after: 999_999, resumesAfter: 0 });
  });

  it('cost one consumer, however many clients there are', async () => {
    const many = await Promise.all(Array.from({ length: 40 }, () => open('?task=shared')));
    const { state } = await bus.manager.streams.info('FACTS');
    expect(state.consumer_count).toBe(1);
    await cancelled('shared');
    await eventually(() => {
      for (const client of many) expect(client.subjects).toEqual(['task.cancelled.shared']);
    });
  });

  it('end for a client that takes nothing, which is told why and from where to go on', async () => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.setEncoding('utf8');
    await once(socket, 'connect');
    let text = '';
    socket.on('data', (part) => (text += String(part)));
    socket.write('GET /v1/events?task=flood HTTP/1.1\r\nhost: x\r\n\r\n');
    await eventually(() => expect(text).toContain('event: open'));
    const good = await open('?task=flood');
    socket.pause();
    // More than the system's buffers on both ends take.
    const note = 'x'.repeat(500);
    const progress = { done: 1, total: 2, note };
    for (let round = 0; round < 200; round++) {
      await Promise.all(
        Array.from({ length: 100 }, () =>
          bus.publish(taskProgressed, 'flood', { taskId: 'flood', epoch: 1, progress }),
        ),
      );
    }
    await eventually(() => expect(good.events).toHaveLength(20_000), { timeoutMs: 20_000 });
    const ended = once(socket, 'close');
    await eventually(async () => expect(await dropped()).toMatch(/dropped_total\{.*\} 1$/m));
    socket.resume();
    await ended;
    const last = text.slice(text.lastIndexOf('event: '));
    expect(last).toMatch(/^event: dropped\ndata: .*connect again with Last-Event-ID \d+/);
    expect(text.match(/^id: /gm)!.length).toBeLessThan(20_000);
  });

  it('of the past reach one client while others take theirs slowly', async () => {
    await stop();
    await serve(60_000);
    const { port } = new URL(url);
    const slow = await Promise.all(
      Array.from({ length: 5 }, async () => {
        const socket = connect(Number(port), '127.0.0.1');
        await once(socket, 'connect');
        socket.write('GET /v1/events?task=flood&after=0 HTTP/1.1\r\nhost: x\r\n\r\n');
        await once(socket, 'data');
        return socket.pause();
      }),
    );
    const good = await open('?task=flood&after=0');
    await eventually(() => expect(good.events).toHaveLength(20_000), { timeoutMs: 30_000 });
    for (const socket of slow) socket.destroy();
  });

  it('are refused in words when what is asked for cannot be', async () => {
    const response = await fetch(`${url}?subjects=spend.>`);
    expect(response.ok).toBe(false);
    expect(await response.text()).toContain('begins with one of');
  });
});
