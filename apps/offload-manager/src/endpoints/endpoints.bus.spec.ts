import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Bus, ComponentPlace, withTrace } from '@purser/bus';
import { componentsAsk, componentsRequest } from '@purser/contracts';
import { freePort } from '@purser/embedded';
import { startTestNats, type TestNats } from '@purser/testing';
import { Endpoints } from './endpoints.service.js';
import type { PlacesRepository } from './places.repository.js';

let nats: TestNats;
let bus: Bus;
const closing: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  nats = await startTestNats();
  bus = await Bus.connect({ url: nats.url, service: 'offload-manager', instance: 'one' });
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});
afterAll(async () => {
  await bus?.close();
  await nats?.stop();
});

const places = { find: (component: string) => Promise.resolve(component === 'nobody' ? undefined : { component }) };
let searched = true;
const components = { get: () => undefined, searched: () => searched };
const request = (given: { name: string } & Record<string, unknown>) =>
  new Endpoints(places as unknown as PlacesRepository, bus, components).request(
    componentsRequest.request.parse({ timeoutMs: 20_000, ...given }),
  );
const textOf = async (answer: ReturnType<typeof request>) => Buffer.from((await answer).body, 'base64').toString();

async function serverWith(handle: RequestListener): Promise<string> {
  const server: Server = createServer(handle).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function place(component: string, url: string): Promise<ComponentPlace> {
  const opened = new ComponentPlace(bus, { component, url, timeoutMs: 10_000, report: () => undefined });
  await opened.open();
  closing.push(() => opened.close());
  return opened;
}

it('asks again while nobody takes the requests of a component, and at once says where there is none', async () => {
  let answered = false;
  const answer = textOf(request({ name: 'away', method: 'POST' })).finally(() => (answered = true));
  await expect(request({ name: 'away', timeoutMs: 300 })).rejects.toMatchObject({ code: 'unavailable' });
  expect(answered).toBe(false);
  await place('away', await serverWith((_, response) => response.end('back')));
  expect(await answer).toBe('back');
  await expect(request({ name: 'nobody' })).rejects.toMatchObject({ code: 'not_found' });
  searched = false;
  closing.push(() => Promise.resolve((searched = true)));
  await expect(request({ name: 'nobody', timeoutMs: 300 })).rejects.toMatchObject({ code: 'unavailable' });
});

it('asks another place when one cannot pass a request on any more', async () => {
  const url = await serverWith((_, response) => response.end('here'));
  const gone = await place('moved', `http://127.0.0.1:${await freePort()}`);
  let count = 0;
  const answers = Array.from({ length: 10 }, () => textOf(request({ name: 'moved', method: 'POST' })));
  await place('moved', url);
  for (const answer of answers) if ((await answer) === 'here') count += 1;
  expect(count).toBe(10);
  await gone.close();
});

it('asks again what may have been done only where that is safe, and says so of the rest', async () => {
  const asked: string[] = [];
  const url = await serverWith((incoming, response) => {
    asked.push(`${incoming.method}`);
    // It breaks off at the first of each kind.
    if (asked.filter((method) => method === incoming.method).length === 1) incoming.socket.destroy();
    else response.end('done');
  });
  await place('broken', url);
  await expect(request({ name: 'broken', method: 'POST' })).rejects.toMatchObject({ code: 'timeout' });
  expect(asked).toEqual(['POST']);
  expect(await textOf(request({ name: 'broken', method: 'GET' }))).toBe('done');
  expect(asked).toEqual(['POST', 'GET', 'GET']);
});

it('asks an agent of an older Purser again only where that is safe, whatever it calls unavailable', async () => {
  const asked: string[] = [];
  const subscription = bus.connection.subscribe(componentsAsk('older').name, {
    callback: (_, message) => {
      asked.push(message.json<{ method: string }>().method);
      const { headers } = message;
      headers?.set('Nats-Service-Error-Code', '503');
      const error = { code: 'unavailable', message: 'it broke off' };
      message.respond(JSON.stringify({ error }), headers && { headers });
    },
  });
  closing.push(() => subscription.drain());
  // Within a trace, so that a request has headers to answer with.
  const ask = (method: string) => withTrace(undefined, () => request({ name: 'older', method, timeoutMs: 1_000 }));
  await expect(ask('POST')).rejects.toMatchObject({ code: 'unavailable', message: 'it broke off' });
  expect(asked).toEqual(['POST']);
  await expect(ask('GET')).rejects.toBeDefined();
  expect(asked.length).toBeGreaterThan(2);
});

it('says of what no place could pass on that nobody was asked', async () => {
  await place('closed', `http://127.0.0.1:${await freePort()}`);
  const asking = bus.call(componentsAsk('closed'), { path: '/' });
  await expect(asking).rejects.toMatchObject({ code: 'unavailable', details: { notAsked: true } });
});

it('has each request on a connection of its own, so that none meets one that is being closed', async () => {
  const ports = new Set<number | undefined>();
  const url = await serverWith((incoming, response) => {
    ports.add(incoming.socket.remotePort);
    response.end();
  });
  await place('fresh', url);
  for (let n = 0; n < 3; n += 1) await request({ name: 'fresh' });
  expect(ports.size).toBe(3);
});
