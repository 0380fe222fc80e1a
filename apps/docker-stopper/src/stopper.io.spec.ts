import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { createServer, request, type IncomingMessage, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { textOf } from '@purser/docker-gate';
import { startStopper } from './stopper.js';

const ID = 'b2'.repeat(32);
const SAFE = 'c3'.repeat(32);

let folder: string;
let engine: Server;
let stopper: Server;
const asked: string[] = [];

/** As a real engine shows a container, secrets and all. */
const inspected = (id: string) => ({
  Id: id,
  Name: '/job',
  State: { Status: 'running', Running: true, Paused: false, Restarting: false, ExitCode: 0, Pid: 77 },
  Config: { Env: ['TOKEN=secret'], Labels: id === SAFE ? { 'purser.protect': 'true' } : {} },
  HostConfig: { RestartPolicy: { Name: 'always', MaximumRetryCount: 0 }, Binds: ['/etc:/etc'] },
  Mounts: [{ Source: '/etc' }],
});

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'purser-stopper-'));
  engine = createServer((incoming, response) => {
    const url = incoming.url ?? '';
    void textOf(incoming).then((body) => {
      asked.push(`${incoming.method} ${url}${body === '' ? '' : ` ${body}`}`);
      response.setHeader('content-type', 'application/json');
      if (url.startsWith('/events')) {
        response.flushHeaders();
        response.write('{"Type":"container"}\n');
      } else if (url.endsWith(`${ID}/json`)) response.end(JSON.stringify(inspected(ID)));
      else if (url.endsWith(`${SAFE}/json`)) response.end(JSON.stringify(inspected(SAFE)));
      else if (url.startsWith('/containers/json'))
        response.end(
          JSON.stringify([
            {
              Id: ID,
              Names: ['/job'],
              Image: 'i',
              Command: 'run --key secret',
              Labels: {},
              State: 'running',
              Status: 'Up',
            },
          ]),
        );
      else response.writeHead(url.includes('/stop') ? 304 : 204).end();
    });
  });
  engine.listen(join(folder, 'engine.sock'));
  await once(engine, 'listening');
  const listen = join(folder, 'docker.sock');
  stopper = await startStopper({ engine: join(folder, 'engine.sock'), listen, say: () => undefined });
});

afterAll(async () => {
  for (const server of [stopper, engine]) {
    server.closeAllConnections();
    server.close();
  }
  await rm(folder, { recursive: true });
});

beforeEach(() => {
  asked.length = 0;
});

function ask(method: string, path: string, body?: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const one = request({ socketPath: join(folder, 'docker.sock'), method, path, agent: false }, resolve);
    one.once('error', reject);
    one.end(body);
  });
}

const answer = async (method: string, path: string, body?: string) => {
  const response = await ask(method, path, body);
  const text = await textOf(response);
  return { status: response.statusCode, text };
};

it('is a socket that the watchdog’s user may open', async () => {
  const { mode } = await stat(join(folder, 'docker.sock'));
  expect(mode & 0o666).toBe(0o666);
});

it('lists and inspects without environments, commands and mounts', async () => {
  const list = await answer('GET', '/v1.45/containers/json?all=true');
  const one = await answer('GET', `/containers/${ID}/json`);
  expect([list.status, one.status]).toEqual([200, 200]);
  expect(list.text + one.text).not.toMatch(/secret|\/etc/);
  expect(JSON.parse(one.text)).toMatchObject({ HostConfig: { RestartPolicy: { Name: 'always' } } });
});

it('stops what it is asked to, with the engine’s own status', async () => {
  expect((await answer('POST', `/containers/${ID}/update`, '{"RestartPolicy":{"Name":"no"}}')).status).toBe(204);
  expect((await answer('POST', `/containers/${ID}/stop?t=1`, '{"t":1}')).status).toBe(304);
  expect(asked.filter((one) => one.startsWith('POST'))).toEqual([
    `POST /containers/${ID}/update {"RestartPolicy":{"Name":"no"}}`,
    `POST /containers/${ID}/stop?t=1`,
  ]);
});

it('touches nothing that is protected', async () => {
  for (const path of ['stop', 'kill']) expect((await answer('POST', `/containers/${SAFE}/${path}`)).status).toBe(403);
  expect(asked.filter((one) => one.startsWith('POST'))).toEqual([]);
});

it('refuses everything else without asking the engine', async () => {
  expect((await answer('POST', '/containers/create', '{"Image":"x"}')).status).toBe(403);
  expect((await answer('POST', `/containers/${ID}/update`, 'x'.repeat(100_000))).status).toBe(403);
  expect(asked).toEqual([]);
});

it('passes events on as they come, and lets go of the engine when its caller does', async () => {
  const connected = () => new Promise<number>((resolve) => engine.getConnections((_, count) => resolve(count)));
  const events = await ask('GET', '/events');
  const [first] = (await once(events, 'data')) as [Buffer];
  expect(first.toString()).toContain('container');
  expect(await connected()).toBe(1);
  events.destroy();
  while ((await connected()) > 0) await new Promise((resolve) => setTimeout(resolve, 5));
});

it('says that the engine is away', async () => {
  engine.closeAllConnections();
  engine.close();
  await once(engine, 'close');
  expect(await answer('GET', '/containers/json')).toMatchObject({
    status: 502,
    text: expect.stringContaining('does not answer') as string,
  });
});
