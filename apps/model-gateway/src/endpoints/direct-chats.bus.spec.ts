import { once } from 'node:events';
import { request, type Server } from 'node:http';
import { connect } from 'node:net';
import { promisify } from 'node:util';
import { logTo } from '@purser/service';
import { eventually } from '@purser/testing';
import { MAX_BODY_BYTES } from '../bodies/most-bytes.js';
import { openWorld, PAID, type World } from '../gateway.fixture.js';
import { DirectChats } from './direct-chats.js';

jest.setTimeout(60_000);
let world: World;
/** Paths of the requests that came to Fastify. */
let routed: (string | undefined)[] = [];
const logged: Record<string, unknown>[] = [];
beforeAll(async () => {
  const { standBefore } = DirectChats.prototype;
  jest.spyOn(DirectChats.prototype, 'standBefore').mockImplementation(function (this: DirectChats, server: Server) {
    server.on('request', ({ url }) => routed.push(url));
    standBefore.call(this, server);
  });
  logTo({ write: (line) => void logged.push(JSON.parse(line) as Record<string, unknown>) });
  world = await openWorld({ env: { PURSER_LOG_LEVEL: 'info' } });
});
afterAll(async () => {
  await world.close();
  logTo(undefined);
  jest.restoreAllMocks();
});
beforeEach(() => {
  routed = [];
});

const body = JSON.stringify({ model: 'code_generation', messages: [{ role: 'user', content: 'Hi' }], max_tokens: 5 });

interface Sent {
  path?: string;
  headers?: Record<string, string | number>;
  parts: string[];
}

/** With the headers that are given and no others; parts are written one by one. */
function send({ path = '/v1/chat/completions', headers = {}, parts }: Sent): Promise<[status: number, body: unknown]> {
  return new Promise((resolve, reject) => {
    const sent = request(`${world.gateway.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${world.adminKey}`, ...headers },
    });
    sent.on('error', reject);
    sent.on('response', (response) => {
      let text = '';
      response.on('data', (chunk) => (text += chunk));
      response.on('end', () => resolve([response.statusCode ?? 0, JSON.parse(text)]));
    });
    for (const part of parts) sent.write(part);
    sent.end();
  });
}

const chatted = [200, expect.objectContaining({ object: 'chat.completion' }) as unknown];
const refused = (status: number) => [
  status,
  { error: expect.objectContaining({ type: 'invalid_request_error' }) as unknown },
];

const withLength = { 'content-length': body.length };
const charset = { 'content-type': 'application/json; charset=utf-8' };

it.each<[string, Sent]>([
  ['with a length', { parts: [body], headers: withLength }],
  ['in pieces', { parts: [body.slice(0, 9), body.slice(9)], headers: withLength }],
  ['with a charset', { parts: [body], headers: { ...withLength, ...charset } }],
])('takes a request %s ahead of Fastify', async (_, sent) => {
  expect(await send(sent)).toEqual(chatted);
  expect(routed).toEqual([]);
});

it.each<[string, Sent]>([
  ['without a length', { parts: [body], headers: { 'transfer-encoding': 'chunked' } }],
  ['with a query', { path: '/v1/chat/completions?api-version=1', parts: [body], headers: withLength }],
])('leaves a request %s to Fastify', async (_, sent) => {
  expect(await send(sent)).toEqual(chatted);
  expect(routed).toEqual([sent.path ?? '/v1/chat/completions']);
});

it.each<[string, number, Sent]>([
  ['empty', 400, { parts: [], headers: { 'content-length': 0 } }],
  ['no JSON by its type', 400, { parts: [body], headers: { 'content-type': 'text/plain' } }],
  ['no JSON', 400, { parts: ['{'], headers: { 'content-length': 1 } }],
  ['too large by its length', 413, { parts: [], headers: { 'content-length': MAX_BODY_BYTES + 1 } }],
])('refuses a body that is %s, in the words of the protocol', async (_, status, sent) => {
  expect(await send(sent)).toEqual(refused(status));
});

it('serves on one connection what comes to it by either way', async () => {
  for (const path of ['/v1/chat/completions', '/v1/chat/completions?a', '/v1/chat/completions'])
    expect(await send({ path, parts: [body], headers: { ...withLength, connection: 'keep-alive' } })).toEqual(chatted);
  expect(routed).toEqual(['/v1/chat/completions?a']);
});

it('makes no call for a client that leaves before its body has come', async () => {
  const calls = () => [world.models.counters.calls, logged.filter(({ msg }) => msg === 'model call').length];
  const [asked = 0, told = 0] = calls();
  const server = world.gateway.app.getHttpServer() as Server;
  const { hostname, port } = new URL(world.gateway.url);
  const arrived = once(server, 'request');
  const socket = connect(Number(port), hostname);
  const head = ['POST /v1/chat/completions HTTP/1.1', 'host: spec', `authorization: Bearer ${world.adminKey}`];
  head.push('content-type: application/json', `content-length: ${body.length + 1}`);
  socket.write(`${head.join('\r\n')}\r\n\r\n${body}`);
  await arrived;
  const connections = promisify<number>((done) => server.getConnections(done));
  const open = await connections();
  socket.destroy();
  await eventually(async () => expect(await connections()).toBeLessThan(open));
  expect(await send({ parts: [body], headers: withLength })).toEqual(chatted);
  expect(calls()).toEqual([asked + 1, told + 1]);
  expect(routed).toEqual([]);
});

it.each(['', '?a'])('keeps the trace that its client names (%s)', async (query) => {
  const traceId = query === '' ? '0af7651916cd43dd8448eb211c80319c' : '1bf7651916cd43dd8448eb211c80319c';
  const headers = { ...withLength, traceparent: `00-${traceId}-b7ad6b7169203331-01` };
  expect(await send({ path: `/v1/chat/completions${query}`, parts: [body], headers })).toEqual(chatted);
  await eventually(() => expect(logged).toContainEqual(expect.objectContaining({ msg: 'model call', traceId })));
});

it('answers what is under way when the gateway stops, and refuses what comes then', async () => {
  const sent: Sent = { parts: [body], headers: withLength };
  const before = world.models.counters.calls;
  world.models.script({ latencyMs: 1_500 }, { model: PAID, times: 1 });
  const underWay = send(sent);
  await eventually(() => expect(world.models.counters.calls).toBe(before + 1));
  const restarted = world.restart();
  const message = expect.stringContaining('is stopping') as unknown;
  const stopping = { error: expect.objectContaining({ message }) as unknown };
  await eventually(async () => expect(await send(sent)).toEqual([503, stopping]));
  expect(await underWay).toEqual(chatted);
  expect(routed).toEqual([]);
  await restarted;
  expect(await send(sent)).toEqual(chatted);
});
