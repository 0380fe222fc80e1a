import { request } from 'node:http';
import { MAX_BODY_BYTES } from '../bodies/most-bytes.js';
import { openWorld, type World } from '../gateway.fixture.js';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

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

it.each<[string, Sent]>([
  ['with a length', { parts: [body], headers: { 'content-length': body.length } }],
  ['in pieces', { parts: [body.slice(0, 9), body.slice(9)], headers: { 'content-length': body.length } }],
  ['with a charset', { parts: [body], headers: { 'content-type': 'application/json; charset=utf-8' } }],
  ['without a length', { parts: [body], headers: { 'transfer-encoding': 'chunked' } }],
  ['with a query', { path: '/v1/chat/completions?api-version=1', parts: [body] }],
])('takes a request %s', async (_, sent) => {
  expect(await send(sent)).toEqual(chatted);
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
    expect(await send({ path, parts: [body], headers: { connection: 'keep-alive' } })).toEqual(chatted);
});
