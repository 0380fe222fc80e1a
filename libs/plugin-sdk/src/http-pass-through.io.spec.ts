import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { httpPassThrough, type HttpPassThroughOptions, type PassThroughAnswer, readAll } from './index.js';

const never = new AbortController().signal;
const bytes = (text: string) => new TextEncoder().encode(text);

let server: Server;
let origin: string;
const listen = async (answer: RequestListener) => {
  server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};
afterEach(async () => {
  if (!server.listening) return;
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const pass = (headers: Record<string, string> = {}, options: Partial<HttpPassThroughOptions> = {}) =>
  httpPassThrough({ target: () => ({ url: `${origin}/v1/ask`, headers, shown: 'the demo server' }), ...options });
const post = (text = '{}', signal = never, way = pass()) =>
  way.send({ body: [bytes(text)], streaming: false, headers: {} }, { signal });

async function read({ body }: PassThroughAnswer): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const part of body) text += decoder.decode(part, { stream: true });
  return text;
}

async function received(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
  return Buffer.concat(parts);
}

/** Resolves when the far end has lost its client. */
const lost = (response: ServerResponse) => new Promise<void>((resolve) => response.once('close', resolve));

it('sends the bytes as they came, in whatever pieces, and gives the answer’s', async () => {
  let seen: { body: Buffer; headers: IncomingMessage['headers']; url: string | undefined } | undefined;
  await listen((request, response) => {
    void received(request).then((body) => {
      seen = { body, headers: request.headers, url: request.url };
      response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
      response.end('data: "größer"\n\n');
    });
  });
  const text = '{"a" : 12345678901234567890,\n "b":"\\u00e9 größer 🪙"}';
  const whole = bytes(text);
  const way = pass({ 'x-api-key': 'secret', 'accept-language': 'en' });
  const answer = await way.send(
    // Cut within a character.
    { body: [whole.subarray(0, 45), whole.subarray(45, 46), whole.subarray(46)], streaming: true, headers: {} },
    { signal: never },
  );
  expect(answer.contentType).toBe('text/event-stream; charset=utf-8');
  expect(await read(answer)).toBe('data: "größer"\n\n');
  expect(seen?.body.toString()).toBe(text);
  expect(seen?.url).toBe('/v1/ask');
  expect(seen?.headers).toMatchObject({
    'content-type': 'application/json',
    'content-length': String(whole.length),
    accept: 'text/event-stream',
    'x-api-key': 'secret',
    'accept-language': 'en',
  });
});

it('asks for no compression, and takes no answer that is compressed all the same', async () => {
  let asked: unknown;
  await listen((request, response) => {
    asked = request.headers['accept-encoding'];
    response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' });
    response.end('not really');
  });
  await expect(post()).rejects.toMatchObject({
    kind: 'connection',
    mayBill: true,
    message: 'the demo server: the answer is encoded as gzip, which was not asked for',
  });
  expect(asked).toBe('identity');
});

it('keeps its connections for the calls that follow', async () => {
  const ports = new Set<number | undefined>();
  await listen((request, response) => {
    ports.add(request.socket.remotePort);
    void received(request).then(() => response.end('{}'));
  });
  const way = pass();
  for (let call = 0; call < 5; call += 1) await read(await post('{}', never, way));
  // A call that follows within the same turn finds the connection not yet free.
  expect(ports.size).toBeLessThanOrEqual(2);
});

describe('a status that is no success', () => {
  const refuse = (status: number, body: string, headers: Record<string, string> = {}) =>
    listen((_request, response) => response.writeHead(status, headers).end(body));

  it.each([
    [429, '{"error": {"message": "slow down", "type": "rate_limit"}}', 'rate_limited', 'slow down', false],
    [
      529,
      '{"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}',
      'overloaded',
      'Overloaded',
      false,
    ],
    [400, '{"error": {"message": "filtered", "code": "content_filter"}}', 'invalid_request', 'filtered', true],
    [404, '{"error": "no such model"}', 'model_not_found', 'no such model', false],
    [400, '{"message": "wrong"}', 'invalid_request', 'wrong', false],
    [502, '<h1>Bad gateway</h1>', 'overloaded', '<h1>Bad gateway</h1>', true],
    [401, '', 'auth', 'the demo server answered 401', false],
    [400, 'null', 'invalid_request', 'the demo server answered 400', false],
    [302, '', 'unknown', 'the demo server answered 302', false],
  ] as const)('%i %s', async (status, body, kind, message, mayBill) => {
    await refuse(status, body, { location: '/elsewhere', 'retry-after': '7' });
    await expect(post()).rejects.toMatchObject({
      name: 'ProviderError',
      status,
      kind,
      message,
      mayBill,
      retryAfterMs: 7000,
    });
  });

  it('reads no more of it than a message can be, and ends the call', async () => {
    let over: Promise<void> | undefined;
    await listen((_request, response) => {
      over = lost(response);
      response.writeHead(500, { 'content-type': 'text/plain' });
      const more = () => {
        while (!response.destroyed && response.write('no '.repeat(1000)));
      };
      response.on('drain', more);
      more();
    });
    const error = await post().catch((thrown: unknown) => thrown as Error);
    expect((error as Error).message).toMatch(/^(no )+n?o?$/);
    expect((error as Error).message.length).toBeLessThanOrEqual(2000);
    await over;
  });

  it('never repeats a secret', async () => {
    await refuse(401, '{"error": {"message": "Incorrect API key provided: sk-live-1234"}}');
    const target = { url: origin, headers: { 'x-api-key': 'sk-live-1234' }, shown: 'demo', secrets: ['sk-live-1234'] };
    await expect(post('{}', never, httpPassThrough({ target: () => target }))).rejects.toMatchObject({
      message: 'Incorrect API key provided: [secret]',
    });
  });
});

describe('a connection that breaks', () => {
  it('before the answer may be billed', async () => {
    await listen((_request, response) => void response.destroy());
    await expect(post()).rejects.toMatchObject({ name: 'ProviderError', kind: 'connection', mayBill: true });
  });

  it('within the answer may be billed, and what came before is delivered', async () => {
    await listen((_request, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('half', () => response.destroy());
    });
    let seen = '';
    const reading = (async () => {
      const { body } = await post();
      for await (const part of body) seen += Buffer.from(part).toString();
    })();
    await expect(reading).rejects.toMatchObject({ name: 'ProviderError', kind: 'connection', mayBill: true });
    expect(seen).toBe('half');
  });

  it('that never came about is not billed', async () => {
    await listen(() => undefined);
    await new Promise((resolve) => server.close(resolve));
    await expect(post()).rejects.toMatchObject({ kind: 'connection', mayBill: false });
  });

  it('of a server that talks something else may be billed', async () => {
    const tcp = createTcpServer((socket) =>
      socket
        .on('error', () => undefined)
        .resume()
        .end('220 smtp.example ESMTP\r\n'),
    );
    await once(tcp.listen(0, '127.0.0.1'), 'listening');
    origin = `http://127.0.0.1:${(tcp.address() as AddressInfo).port}`;
    await expect(post()).rejects.toMatchObject({ kind: 'connection', mayBill: true });
    await new Promise((resolve) => tcp.close(resolve));
  });

  it('and a request that cannot be written, are told apart', async () => {
    await listen(() => undefined);
    const way = pass({ 'x-broken': 'a\nb' });
    await expect(post('{}', never, way)).rejects.toMatchObject({ name: 'ProviderError', mayBill: false });
  });

  it('and a server that is silent for too long, which may have worked', async () => {
    await listen(() => undefined);
    await expect(post('{}', never, pass({}, { silenceMs: 50 }))).rejects.toMatchObject({
      kind: 'timeout',
      mayBill: true,
    });
  });
});

describe('an abort', () => {
  const reason = new Error('the caller left');

  it('beforehand means that nothing is sent', async () => {
    let calls = 0;
    await listen(() => (calls += 1));
    await expect(post('{}', AbortSignal.abort(reason))).rejects.toBe(reason);
    expect(calls).toBe(0);
  });

  it('while the server has not begun cancels upstream, with the signal’s own reason', async () => {
    const abort = new AbortController();
    let over: Promise<void> | undefined;
    await listen((_request, response) => {
      over = lost(response);
      abort.abort(reason);
    });
    await expect(post('{}', abort.signal)).rejects.toBe(reason);
    await over;
  });

  it('within the answer cancels upstream, with the signal’s own reason', async () => {
    const abort = new AbortController();
    let over: Promise<void> | undefined;
    await listen((_request, response) => {
      over = lost(response);
      response.writeHead(200).write('half');
    });
    const { body } = await post('{}', abort.signal);
    const reading = (async () => {
      for await (const part of body) if (part.length > 0) abort.abort(reason);
    })();
    await expect(reading).rejects.toBe(reason);
    await over;
  });

  it('cancels also an answer that nobody reads', async () => {
    const abort = new AbortController();
    let over: Promise<void> | undefined;
    await listen((_request, response) => {
      over = lost(response);
      response.writeHead(200).write('half');
    });
    const { body } = await post('{}', abort.signal);
    abort.abort(reason);
    await over;
    await expect(read({ contentType: '', body })).rejects.toBe(reason);
  });
});

it('cancels upstream when the body is left', async () => {
  let over: Promise<void> | undefined;
  await listen((_request, response) => {
    over = lost(response);
    response.writeHead(200).write('half');
  });
  const { body } = await post();
  for await (const part of body) if (part.length > 0) break;
  await over;
});

describe('a body that is pushed', () => {
  const textOf = (part: Uint8Array) => Buffer.from(part).toString();

  it('waits for whoever takes it, piece by piece, to the end', async () => {
    await listen((_request, response) => {
      response.write('one');
      response.end('two');
    });
    const { body } = await post();
    const seen: string[] = [];
    await readAll(body, async (part) => {
      seen.push(`< ${textOf(part)}`);
      await new Promise((resolve) => setImmediate(resolve));
      seen.push(`${textOf(part)} >`);
    });
    expect(seen.join(' ')).toMatch(/^(< (\w+) \2 > ?)+$/);
    expect(seen.filter((one) => one.startsWith('<')).join('')).toMatch(/^< one(< )?two$/);
  });

  it('gives what came before the connection broke', async () => {
    await listen((_request, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('half', () => response.destroy());
    });
    const { body } = await post();
    let seen = '';
    const reading = readAll(body, async (part) => {
      await new Promise((resolve) => setImmediate(resolve));
      seen += textOf(part);
    });
    await expect(reading).rejects.toMatchObject({ name: 'ProviderError', kind: 'connection', mayBill: true });
    expect(seen).toBe('half');
  });

  it.each([
    ['later', () => Promise.reject(new Error('enough'))],
    [
      'at once',
      () => {
        throw new Error('enough');
      },
    ],
  ])('is left when its taker throws, %s', async (_when, take) => {
    let over: Promise<void> | undefined;
    await listen((_request, response) => {
      over = lost(response);
      response.writeHead(200).write('half');
    });
    const { body } = await post();
    await expect(readAll(body, take)).rejects.toThrow('enough');
    await over;
  });

  it('ends with the signal’s own reason', async () => {
    const abort = new AbortController();
    const reason = new Error('the caller left');
    let over: Promise<void> | undefined;
    await listen((_request, response) => {
      over = lost(response);
      response.writeHead(200).write('half');
    });
    const { body } = await post('{}', abort.signal);
    const reading = readAll(body, () => {
      abort.abort(reason);
      return undefined;
    });
    await expect(reading).rejects.toBe(reason);
    await over;
  });
});
