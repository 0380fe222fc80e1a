import { Agent, createServer, get, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { Cancellation } from '../calls/cancellation.js';
import { EventStream, sendsChunksAsTheyAre } from './event-stream.js';

const PIECES = ['data: é\n\n', 'data: 狐 🦊\n\n', `data: ${'x'.repeat(70_000)}\n\n`, ''];

const fail = (error: unknown) => {
  throw error;
};

let server: Server;
let port: number;
beforeAll(async () => {
  server = createServer((_request, response) => {
    const stream = new EventStream(response, new Cancellation(fail), { 'x-more': 'yes' });
    void (async () => {
      for (const piece of PIECES) await stream.send(piece);
      stream.end('data: end\n\n');
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ({ port } = server.address() as AddressInfo);
});
afterAll(() => server.close());

const WHOLE = `${PIECES.join('')}data: end\n\n`;

it('comes as it was sent, one stream after the other on one connection', async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const sockets = new Set<number | undefined>();
  for (let time = 0; time < 3; time++) {
    const body = await new Promise<string>((resolve, reject) =>
      get({ port, host: '127.0.0.1', agent }, (response) => {
        sockets.add(response.socket.localPort);
        expect(response.headers).toMatchObject({ 'transfer-encoding': 'chunked', 'x-more': 'yes' });
        text(response).then(resolve, reject);
      }).on('error', reject),
    );
    expect(body).toBe(WHOLE);
  }
  expect(sockets.size).toBe(1);
  agent.destroy();
});

it('comes without chunks to a client that knows none', async () => {
  const socket = connect(port, '127.0.0.1');
  socket.write('GET / HTTP/1.0\r\n\r\n');
  const [head = '', ...body] = (await text(socket)).split('\r\n\r\n');
  expect(head).not.toMatch(/transfer-encoding/i);
  expect(body.join('\r\n\r\n')).toBe(WHOLE);
});

it('makes its chunks itself on the Node that we run on', () => {
  expect(sendsChunksAsTheyAre()).toBe(true);
});
