import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { askBooks, everyPage, patiently, TryAgain } from './asking-books.js';

const never = new AbortController().signal;

describe('a request for somebody’s books', () => {
  let server: Server;
  let requests = 0;
  const close = async () => {
    requests = 0;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  afterEach(close);

  /** Each answer in its turn, the last one again and again. */
  async function books(...answers: RequestListener[]): Promise<(signal?: AbortSignal) => Promise<string>> {
    server = createServer((request, response) => {
      const answer = answers[Math.min(requests, answers.length - 1)];
      requests += 1;
      answer?.(request, response);
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/costs`);
    return (signal = never) =>
      askBooks({
        url,
        headers: { authorization: 'Bearer very-secret' },
        signal,
        secrets: ['very-secret'],
        books: 'Their books',
        remedy: (status) => (status === 403 ? 'Ask for the right.' : undefined),
      });
  }

  const status =
    (code: number, body = '', headers: Record<string, string> = {}): RequestListener =>
    (_request, response) =>
      response.writeHead(code, headers).end(body);
  const well = status(200, 'the costs');
  const cut: RequestListener = (_request, response) => {
    response.writeHead(200, { 'content-length': 100 }).write('the co', () => response.destroy());
  };
  const refused: RequestListener = (request, response) =>
    response.writeHead(403).end(JSON.stringify({ error: { message: `no ${request.headers.authorization}` } }));

  it('is repeated when it was throttled, failed, or was cut off', async () => {
    const ask = await books(status(429, '', { 'retry-after': '0' }), status(503), cut, well);
    await expect(ask()).resolves.toBe('the costs');
    expect(requests).toBe(4);
  });

  it('is given up after a few times, with what is wrong', async () => {
    const ask = await books(status(500, '{"message": "out of order"}', { 'retry-after': '0' }));
    await expect(ask()).rejects.toThrow(
      /^Their books at http.* answered with status 500: out of order \(tried 4 times\)$/,
    );
    expect(requests).toBe(4);
  });

  it('is not repeated when it would have to wait for long', async () => {
    const ask = await books(status(429, 'slower', { 'retry-after': '3600' }));
    await expect(ask()).rejects.toThrow(/status 429: slower; not again for 3600 s, it says$/);
    expect(requests).toBe(1);
  });

  it('is not repeated when it was refused, and says how to mend it, without its secrets', async () => {
    const ask = await books(refused);
    await expect(ask()).rejects.toThrow(/status 403: no Bearer \[secret\]\. Ask for the right\.$/);
    expect(requests).toBe(1);
  });

  it('does not follow a redirect with its key', async () => {
    const ask = await books(status(307, '', { location: 'http://elsewhere.example/' }));
    await expect(ask()).rejects.toThrow('answered with status 307');
    expect(requests).toBe(1);
  });

  it('ends when it is told to, while it waits for an answer and between two attempts', async () => {
    for (const answer of [(() => undefined) as RequestListener, status(429, '', { 'retry-after': '50' })]) {
      const ask = await books(answer);
      const stop = new AbortController();
      server.once('request', () => setImmediate(() => stop.abort(new Error('the service stops'))));
      await expect(ask(stop.signal)).rejects.toThrow('the service stops');
      await close();
    }
  });

  it('says that nobody is there', async () => {
    const ask = await books(well);
    await close();
    await expect(ask()).rejects.toThrow(/^Their books at http.*ECONNREFUSED.*\(tried 4 times\)$/);
  });
});

it('gives up work that does not know the signal', async () => {
  const stop = new AbortController();
  const work = patiently(() => new Promise(() => undefined), stop.signal);
  stop.abort(new Error('the service stops'));
  await expect(work).rejects.toThrow('the service stops');
});

it('repeats nothing that failed for another reason', async () => {
  let tried = 0;
  const work = () => {
    tried += 1;
    return Promise.reject(tried < 2 ? new TryAgain('busy', 0) : new Error('no such table'));
  };
  await expect(patiently(work, never)).rejects.toThrow('no such table');
  expect(tried).toBe(2);
});

describe('pages', () => {
  it('are read up to the last one', async () => {
    const seen: (string | undefined)[] = [];
    await everyPage((cursor) => {
      seen.push(cursor);
      return Promise.resolve(cursor === undefined ? 'a' : cursor === 'a' ? 'b' : undefined);
    });
    expect(seen).toEqual([undefined, 'a', 'b']);
  });

  it('are not read for ever', async () => {
    await expect(everyPage(() => Promise.resolve('a'))).rejects.toThrow('never end');
    let page = 0;
    await expect(everyPage(() => Promise.resolve(String((page += 1))))).rejects.toThrow('never end');
  });
});
