import { type ClientHttp2Session, type ClientHttp2Stream, connect, type IncomingHttpHeaders } from 'node:http2';
import { type Duplex, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';

const WINDOW_BYTES = 1024 * 1024;

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
      settings: { initialWindowSize: WINDOW_BYTES, enablePush: false },
    });
    this.session.on('connect', () => this.session.setLocalWindowSize(4 * WINDOW_BYTES));
    let why = 'its VM is gone';
    const note = (error: Error): void => void (why = error.message);
    this.session.on('error', note);
    link.on('error', note);
    this.over = new Promise((resolve) => link.on('close', () => resolve(why)));
  }

  /** What it answers once it does so with a success; nothing more is sent when `body` is left out. */
  async open(method: string, path: string, body: 'none' | 'open' = 'none'): Promise<Answered> {
    const stream = this.session.request({ ':method': method, ':path': path }, { endStream: body === 'none' });
    stream.on('error', () => undefined);
    return { stream, headers: await answerOf(stream) };
  }

  async send(method: string, path: string, body: Readable | string): Promise<void> {
    const stream = this.session.request({ ':method': method, ':path': path });
    const sent = pipeline(typeof body === 'string' ? Readable.from([Buffer.from(body)]) : body, stream);
    // When it answers before it has all, that says why; but what could not be sent is answered by nobody.
    sent.catch(() => undefined);
    await Promise.race([answerOf(stream), sent.then(() => new Promise<never>(() => undefined))]);
    await sent;
    stream.resume();
  }

  close(): void {
    this.session.destroy();
    this.link.destroy();
  }
}

async function answerOf(stream: ClientHttp2Stream): Promise<IncomingHttpHeaders> {
  const headers = await new Promise<IncomingHttpHeaders>((resolve, reject) => {
    stream.once('response', resolve);
    // After a response that is all there is, too.
    stream.once('close', () => reject(new Error('the link to the VM was cut')));
  });
  const status = Number(headers[':status']);
  if (status >= 200 && status < 300) return headers;
  throw new Error((await text(stream)) || `the agent of the VM answers with ${status}`);
}
