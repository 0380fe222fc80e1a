import { type ClientHttp2Session, type ClientHttp2Stream, connect, type IncomingHttpHeaders } from 'node:http2';
import { type Duplex, PassThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { LINK_MEMORY_MB, LINK_WINDOW_BYTES, PROBLEM } from '@purser/program-session';

const WORDS_LIMIT = 2_000;

/** By no fault of what was asked. */
export class LinkCut extends Error {
  constructor() {
    super('the link to the VM was cut');
  }
}

export interface Answered {
  stream: ClientHttp2Stream;
  headers: IncomingHttpHeaders;
}

/** Asks the agent of a session's VM. */
export class VmClient {
  /** Resolves with why, when nothing can be asked any more. */
  readonly over: Promise<string>;
  private readonly session: ClientHttp2Session;

  constructor(private readonly link: Duplex) {
    this.session = connect('http://vm', {
      createConnection: () => link,
      maxSessionMemory: LINK_MEMORY_MB,
      settings: { initialWindowSize: LINK_WINDOW_BYTES, enablePush: false },
    });
    this.session.on('connect', () => this.session.setLocalWindowSize(16 * LINK_WINDOW_BYTES));
    let why = 'its VM is gone';
    const note = (error: Error): void => void (why = error.message);
    this.session.on('error', note);
    link.on('error', note);
    this.over = new Promise((resolve) => link.on('close', () => resolve(why)));
  }

  /** What it answers, once it does so with a success. */
  async get(path: string): Promise<Readable> {
    const stream = this.session.request({ ':method': 'GET', ':path': path });
    const body = bodyOf(stream);
    await answerOf(stream, body);
    return body;
  }

  /** Both ways, once it answers. */
  async open(path: string): Promise<Answered> {
    const stream = this.session.request({ ':method': 'POST', ':path': path });
    stream.on('error', () => undefined);
    return { stream, headers: await answerOf(stream, stream) };
  }

  async send(method: string, path: string, body: Readable | string): Promise<void> {
    const stream = this.session.request({ ':method': method, ':path': path });
    const answer = bodyOf(stream);
    const sent = pipeline(typeof body === 'string' ? Readable.from([Buffer.from(body)]) : body, stream);
    // When it answers before it has all, that says why; but what could not be sent is answered by nobody.
    sent.catch(() => undefined);
    await Promise.race([answerOf(stream, answer), sent.then(() => new Promise<never>(() => undefined))]);
    await sent;
    answer.resume();
  }

  /** Whether nothing can be asked any more. */
  get isOver(): boolean {
    return this.link.destroyed || this.session.destroyed;
  }

  close(): void {
    this.session.destroy();
    this.link.destroy();
  }
}

/** From the first moment on: what nobody reads is thrown away when the other end has sent it all. */
function bodyOf(stream: ClientHttp2Stream): Readable {
  const body = new PassThrough();
  // Of those that nobody reads, nobody is told.
  body.on('error', () => undefined);
  stream.on('error', () => body.destroy(new LinkCut()));
  // Of a program's VM: it may be anything, and is no more than words.
  stream.on('trailers', ({ [PROBLEM]: problem }) => {
    if (typeof problem === 'string')
      body.destroy(new Error(Buffer.from(problem, 'base64url').toString().slice(0, WORDS_LIMIT)));
  });
  stream.on('close', () => {
    if (!stream.readableEnded) body.destroy(new LinkCut());
  });
  body.on('close', () => {
    if (!stream.readableEnded) stream.close();
  });
  return stream.pipe(body);
}

async function answerOf(stream: ClientHttp2Stream, body: Readable): Promise<IncomingHttpHeaders> {
  const headers = await new Promise<IncomingHttpHeaders>((resolve, reject) => {
    stream.once('response', resolve);
    // After a response that is all there is, too.
    stream.once('close', () => reject(new LinkCut()));
  });
  const status = Number(headers[':status']);
  if (status >= 200 && status < 300) return headers;
  throw new Error((await wordsOf(body)) || `the agent of the VM answers with ${status}`);
}

/** No more of them than anybody reads. */
async function wordsOf(body: Readable): Promise<string> {
  let words = '';
  for await (const part of body as AsyncIterable<Buffer>) {
    words += part.toString();
    if (words.length > WORDS_LIMIT) break;
  }
  return words.slice(0, WORDS_LIMIT);
}
