import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Bus, ComponentPlace } from '@purser/bus';
import { type AgentOrder, componentsAsk, servedOn, VmHeartbeat, vmsHeartbeat } from '@purser/contracts';
import { eventually, startTestNats, type TestNats } from '@purser/testing';
import { VmAgent } from './agent.js';
import { Config, runAgent } from './index.js';
import { ComponentWork, type VmWork } from './work.js';

let nats: TestNats;
let manager: Bus;
let order: AgentOrder;
let answers: boolean;
let beats: VmHeartbeat[];
const servers: Server[] = [];
const stops: AbortController[] = [];

const serve = async (handle: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> => {
  const server = createServer(handle).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};

const echo = (request: IncomingMessage, response: ServerResponse): void => {
  const chunks: Buffer[] = [];
  request
    .on('data', (chunk: Buffer) => chunks.push(chunk))
    .on('end', () => {
      response.writeHead(request.url === '/health' ? 200 : 201, { 'x-method': request.method ?? '' });
      response.end(`${request.url} ${String(request.headers['x-given'] ?? '')} ${Buffer.concat(chunks).toString()}`);
    });
};

beforeAll(async () => {
  nats = await startTestNats();
  manager = await Bus.connect({ url: nats.url, service: 'offload-manager', instance: 'one' });
  manager.connection.subscribe(servedOn(vmsHeartbeat), {
    callback: (_, message) => {
      beats.push(VmHeartbeat.parse(message.json()));
      if (answers) message.respond(JSON.stringify({ do: order }));
    },
  });
});

beforeEach(() => {
  order = 'serve';
  answers = true;
  beats = [];
});

afterEach(async () => {
  for (const stop of stops.splice(0)) stop.abort();
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

afterAll(async () => {
  await manager.close();
  await nats.stop();
});

let count = 0;
function agentFor(url: string, extra: Record<string, string> = {}) {
  count += 1;
  const component = `echo-${count}`;
  const config = Config.parse({
    PURSER_VM_ID: `vm-${count}`,
    PURSER_VM_COMPONENT: component,
    PURSER_NATS_URL: `nats://vm:password@${new URL(nats.url).host}`,
    PURSER_VM_COMPONENT_URL: url,
    PURSER_VM_HEALTH_PATH: '/health',
    PURSER_VM_HEARTBEAT_MS: '50',
    PURSER_VM_EXPIRES: String(Math.floor(Date.now() / 1_000) + 600),
    ...extra,
  });
  const stop = new AbortController();
  stops.push(stop);
  const said: string[] = [];
  const ended = runAgent(config, (message, fields) => said.push(JSON.stringify({ message, fields })), stop.signal);
  return { component, ended, said };
}

const ask = (component: string, request: object = {}) => manager.call(componentsAsk(component), request);

describe('the agent of a VM', () => {
  it('tells how its component is, and has it answer what is asked of it on the bus', async () => {
    const { component } = agentFor(await serve(echo));
    await eventually(() => expect(beats.at(-1)).toMatchObject({ component, healthy: true, serving: true }));
    const body = Buffer.from('the body').toString('base64');
    const answer = await ask(component, { method: 'POST', path: '/a?b=c', headers: { 'X-Given': 'given' }, body });
    expect(answer).toMatchObject({ status: 201, headers: { 'x-method': 'POST' } });
    expect(Buffer.from(answer.body, 'base64').toString()).toBe('/a?b=c given the body');
  });

  it('says that a component is not healthy, and is not asked before it is told to serve', async () => {
    order = 'wait';
    const { component } = agentFor(await serve((_, response) => response.writeHead(503).end()));
    await eventually(() => expect(beats.at(-1)).toMatchObject({ healthy: false, serving: false }));
    await expect(ask(component)).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('answers what it has taken before it ends', async () => {
    let release: () => void = () => undefined;
    const url = await serve((request, response) => {
      if (request.url === '/health') response.end();
      else release = () => response.end('late');
    });
    const { component, ended } = agentFor(url);
    await eventually(() => expect(beats.at(-1)?.serving).toBe(true));
    const answer = ask(component, { path: '/slow' });
    await eventually(() => expect(beats.at(-1)?.inFlight).toBe(1));
    order = 'end';
    const next = beats.length + 1;
    await eventually(() => expect(beats.length).toBeGreaterThanOrEqual(next));
    release();
    expect(Buffer.from((await answer).body, 'base64').toString()).toBe('late');
    await ended;
  });

  it('ends by itself when nobody answers it, and when its time is over', async () => {
    answers = false;
    const url = await serve(echo);
    const silent = agentFor(url, { PURSER_VM_SILENCE_SECONDS: '1' });
    await silent.ended;
    expect(silent.said.at(-1)).toContain('nobody has answered for 1 s');
    answers = true;
    const old = agentFor(url, { PURSER_VM_EXPIRES: '1000' });
    await old.ended;
    expect(old.said.at(-1)).toContain('its time is over');
  });

  it('has what runs on its VM wrap up before it ends for want of an answer', async () => {
    const config = Config.parse({
      PURSER_VM_ID: 'vm-unanswered',
      PURSER_VM_COMPONENT: 'session',
      PURSER_NATS_URL: `nats://vm:password@${new URL(nats.url).host}`,
      PURSER_VM_HEARTBEAT_MS: '50',
      PURSER_VM_SILENCE_SECONDS: '600',
      PURSER_VM_EXPIRES: '4000000000',
    });
    let now = 0;
    const toldAt: number[] = [];
    const work: VmWork = {
      serving: false,
      inFlight: 0,
      over: new AbortController().signal,
      isHealthy: () => {
        now += 100_000;
        return Promise.resolve(true);
      },
      follow: () => Promise.resolve(),
      endsSoon: () => void toldAt.push(now),
      close: () => Promise.resolve(),
    };
    const sent = () => Promise.resolve(null);
    const bus = { call: () => Promise.reject(new Error('nobody answers')) } as unknown as Bus;
    const parts = { bus, config, work, preemption: undefined, say: () => undefined, now: () => now, sent };
    expect(await new VmAgent(parts).run(new AbortController().signal)).toBe('nobody has answered for 600 s');
    expect(toldAt).toEqual([500_000]);
  });

  it('tells what has left the VM, and ends by itself when it has sent all that is paid for', async () => {
    const url = await serve(echo);
    const config = Config.parse({
      PURSER_VM_ID: 'vm-sends',
      PURSER_VM_COMPONENT: 'sender',
      PURSER_NATS_URL: `nats://vm:password@${new URL(nats.url).host}`,
      PURSER_VM_COMPONENT_URL: url,
      PURSER_VM_HEARTBEAT_MS: '50',
      PURSER_VM_EXPIRES: String(Math.floor(Date.now() / 1_000) + 600),
      PURSER_VM_EGRESS_BYTES: '300',
    });
    let bytes = 0;
    const sent = () => Promise.resolve({ counter: 'boot', bytes: (bytes += 100) });
    const work = new ComponentWork(manager, { ...config, PURSER_VM_COMPONENT_URL: url }, () => undefined);
    const agent = new VmAgent({ bus: manager, config, work, preemption: undefined, say: () => undefined, sent });
    expect(await agent.run(new AbortController().signal)).toBe('it has sent the 300 bytes that are paid for');
    expect(beats.filter(({ vm }) => vm === 'vm-sends').map((beat) => beat.sent?.bytes)).toEqual([100, 200, 300, 400]);
  });

  it('tells last what it has sent by its end, when nothing on it answers any more', async () => {
    let release: () => void = () => undefined;
    const url = await serve((request, response) => {
      if (request.url === '/health') response.end();
      else release = () => response.end('late');
    });
    const { component, ended } = agentFor(url);
    await eventually(() => expect(beats.at(-1)?.serving).toBe(true));
    const answer = ask(component, { path: '/slow' });
    await eventually(() => expect(beats.at(-1)?.inFlight).toBe(1));
    order = 'end';
    release();
    await Promise.all([answer, ended]);
    expect(beats.at(-1)).toMatchObject({ healthy: false, serving: false, inFlight: 0 });
  });

  it('is heard of for as long as it cannot delete its own instance', async () => {
    const google = await serve((request, response) => {
      // Of an instance without an account; whether it is taken away nobody says.
      if (!request.url?.includes('instance/preempted')) response.writeHead(404).end();
    });
    const { said } = agentFor(await serve(echo), {
      PURSER_VM_PLATFORM: 'gcp',
      PURSER_METADATA_URL: google,
      PURSER_COMPUTE_URL: google,
    });
    await eventually(() => expect(beats.at(-1)?.healthy).toBe(true));
    order = 'end';
    // One as it ends, and one after it could not.
    await eventually(() => expect(beats.filter(({ healthy }) => !healthy).length).toBeGreaterThan(1));
    expect(said.at(-1)).toContain('could not delete its own instance');
  });

  it('tells of a preemption at once, and deletes its own instance on Google Cloud', async () => {
    const calls: string[] = [];
    let takeAway: (() => void) | undefined;
    const google = await serve((request, response) => {
      const path = (request.url ?? '').replace('/computeMetadata/v1/', '');
      if (request.method === 'DELETE') {
        calls.push(`${request.url} ${request.headers.authorization}`);
        return void response.end('{}');
      }
      if (request.headers['metadata-flavor'] !== 'Google') return void response.writeHead(403).end();
      if (path.startsWith('instance/preempted')) {
        takeAway = () => void response.end('TRUE');
        return;
      }
      const texts: Record<string, string> = {
        'instance/service-accounts/default/token': '{"access_token":"of the instance"}',
        'instance/zone': 'projects/7/zones/us-central1-a',
        'project/project-id': 'my-project',
        'instance/name': 'purser-1-2',
      };
      response.end(texts[path]);
    });
    const { ended } = agentFor(await serve(echo), {
      PURSER_VM_PLATFORM: 'gcp',
      PURSER_METADATA_URL: google,
      PURSER_COMPUTE_URL: google,
      PURSER_VM_HEARTBEAT_MS: '600000',
      PURSER_VM_SILENCE_SECONDS: '601',
    });
    await eventually(() => expect([beats.length, takeAway]).toEqual([1, expect.any(Function)]));
    order = 'end';
    takeAway?.();
    await ended;
    expect(beats.at(-1)?.preemption).toBeDefined();
    expect(calls).toEqual([
      '/compute/v1/projects/my-project/zones/us-central1-a/instances/purser-1-2 Bearer of the instance',
    ]);
  });
});

describe('the places of a component', () => {
  it('lose no request while one takes over from the other', async () => {
    const hits = { old: 0, new: 0 };
    const placeOf = async (name: 'old' | 'new') => {
      const url = await serve((_, response) => {
        hits[name] += 1;
        setTimeout(() => response.end(name), 5);
      });
      return new ComponentPlace(manager, { component: 'busy', url, timeoutMs: 5_000, report: () => undefined });
    };
    const [before, after] = [await placeOf('old'), await placeOf('new')];
    await before.open();
    let over = false;
    let answered = 0;
    const callers = Array.from({ length: 8 }, async () => {
      while (!over) {
        await ask('busy');
        answered += 1;
      }
    });
    await eventually(() => expect(hits.old).toBeGreaterThan(20));
    await after.open();
    await before.close();
    const closedAt = hits.old;
    await eventually(() => expect(hits.new).toBeGreaterThan(50));
    over = true;
    await Promise.all(callers);
    expect([hits.old, hits.old + hits.new]).toEqual([closedAt, answered]);
    await after.close();
    await expect(ask('busy')).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('refuse what is too much for one place, and read no more of an answer than could be sent', async () => {
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    let isOver = false;
    const url = await serve((request, response) => {
      if (request.url === '/endless') {
        response.on('close', () => (isOver = true));
        const write = (): void => {
          while (!isOver && response.write(Buffer.alloc(65_536)));
        };
        response.on('drain', write);
        write();
      } else void held.then(() => response.end('late'));
    });
    const place = new ComponentPlace(manager, { component: 'full', url, timeoutMs: 30_000, report: () => undefined });
    await place.open();
    const request = (path: string) => manager.call(componentsAsk('full'), { path }, { timeoutMs: 20_000 });
    await expect(request('/endless')).rejects.toMatchObject({ code: 'payload_too_large' });
    await eventually(() => expect(isOver).toBe(true));
    const answers = Array.from({ length: 256 }, () => request('/'));
    await eventually(() => expect(place.inFlight).toBe(256));
    await expect(request('/')).rejects.toMatchObject({ code: 'unavailable' });
    release();
    await Promise.all(answers);
    await place.close();
  });
});
