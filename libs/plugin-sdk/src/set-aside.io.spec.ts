import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fillingFetch } from './set-aside.js';

const bytes = (text: string) => new TextEncoder().encode(text);
const setAside = {
  fill: (json: string) =>
    json.split('MARK').flatMap((part, at) => (at === 0 ? [bytes(part)] : [bytes('…'.repeat(100_000)), bytes(part)])),
};

async function sent(send: (url: string) => Promise<Response>) {
  let body = '';
  let headers: Record<string, unknown> = {};
  const server = createServer((request, response) => {
    ({ headers } = request);
    request.setEncoding('utf8').on('data', (part: string) => (body += part));
    request.on('end', () => response.end('{}'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await (await send(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)).text();
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
  return { body, headers };
}

it('sends what marks stand for, and says how long it is', async () => {
  const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"text":"MARK"}' };
  const { body, headers } = await sent((url) => fillingFetch(setAside)(url, init));
  expect(JSON.parse(body)).toEqual({ text: '…'.repeat(100_000) });
  expect(headers).toMatchObject({ 'content-type': 'application/json', 'content-length': String(300_011) });
  expect(headers['transfer-encoding']).toBeUndefined();
});

it('is plain fetch where nothing was set aside', () => {
  expect(fillingFetch(undefined)).toBe(fetch);
});
