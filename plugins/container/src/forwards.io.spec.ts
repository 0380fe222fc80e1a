import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { Forwards, ownAddress } from './forwards.js';

let server: Server;
let port: number;
const said: string[] = [];
const forwards = new Forwards((line) => said.push(line));

beforeAll(async () => {
  server = createServer((request, response) => response.end(`${request.method} ${request.url}`));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ({ port } = server.address() as AddressInfo);
});

afterAll(async () => {
  await forwards.close();
  server.closeAllConnections();
  server.close();
});

it('passes on what is said to a door, with the path of the address', async () => {
  const url = await forwards.through(`http://127.0.0.1:${port}/v1`, '127.0.0.1');
  expect(url).not.toContain(`:${port}`);
  expect(url).toMatch(/\/v1$/);
  const answer = await fetch(`${url}/models`, { method: 'POST', body: 'x'.repeat(100_000) });
  expect(await answer.text()).toBe('POST /v1/models');
});

it.each([
  ['http://localhost:80/v1', '/v1'],
  ['http://LocalHost:8080/v1?a=1', '/v1?a=1'],
  ['http://localhost:8080', ''],
  ['http://localhost/', '/'],
])('has a door for %s', async (url, end) => {
  const found = await forwards.through(url, '127.0.0.1');
  expect(found).toMatch(/^http:\/\/127\.0\.0\.1:\d+/);
  expect(found?.replace(/^http:\/\/127\.0\.0\.1:\d+/, '')).toBe(end);
});

it('leaves others their connections when one container has as many as it may', async () => {
  const url = new URL((await forwards.through(`http://127.0.0.1:${port}/`, '127.0.0.1'))!);
  const from = (localAddress: string) => connect({ port: Number(url.port), host: '127.0.0.1', localAddress });
  const greedy = Array.from({ length: 100 }, () => from('127.0.0.2'));
  await Promise.all(greedy.map((socket) => once(socket, 'connect')));
  for (let more = 0; more < 2; more += 1)
    await once(
      from('127.0.0.2')
        .on('error', () => undefined)
        .resume(),
      'close',
    );
  expect(said).toEqual([expect.stringContaining('127.0.0.2 has 100 connections')]);
  const other = from('127.0.0.3');
  other.write('GET /other HTTP/1.1\r\nhost: x\r\n\r\n');
  const [answer] = (await once(other, 'data')) as [Buffer];
  expect(answer.toString()).toContain('GET /other');
  for (const socket of [...greedy, other]) socket.destroy();
});

it('has one door for one target', async () => {
  const [one, two] = await Promise.all(
    ['/a', '/b'].map((path) => forwards.through(`http://127.0.0.1:${port}${path}`, '127.0.0.1')),
  );
  expect(one?.replace('/a', '')).toBe(two?.replace('/b', ''));
});

it('has none for what is not plain HTTP', async () => {
  expect(await forwards.through('https://gateway.example.com/v1', '127.0.0.1')).toBeUndefined();
  expect(await forwards.through('secret', '127.0.0.1')).toBeUndefined();
});

it('knows its own address on a network, or takes that of the bridge', () => {
  expect(ownAddress({ subnet: '127.0.0.0/8', gateway: '127.9.9.9' })).toMatch(/^127\./);
  expect(ownAddress({ subnet: '203.0.113.0/24', gateway: '203.0.113.1' })).toBe('203.0.113.1');
});
