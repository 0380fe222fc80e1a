import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import type { Cancellation } from '../calls/cancellation.js';

/**
 * Whether this Node sends the chunks of an answer as they are given to it when it is told so. That is written nowhere, and
 * framed twice a stream cannot be read: where it does not, Node makes the chunks.
 */
export function sendsChunksAsTheyAre(): boolean {
  let sent = '';
  const socket = new Duplex({
    read: () => undefined,
    write: (bytes: Buffer, _encoding, done) => {
      sent += bytes.toString();
      done();
    },
  });
  const response = new ServerResponse(new IncomingMessage(new Socket()));
  response.assignSocket(socket as Socket);
  response.writeHead(200, { 'transfer-encoding': 'chunked' });
  response.chunkedEncoding = false;
  response.write('1\r\na\r\n');
  response.end('0\r\n\r\n');
  return /^HTTP\/1\.1 200[^]*\r\ntransfer-encoding: chunked\r\n[^]*\r\n\r\n1\r\na\r\n0\r\n\r\n$/i.test(sent);
}

const FRAMES_ARE_OURS = sendsChunksAsTheyAre();

/** Server-sent events to one client, no faster than it reads. */
export class EventStream {
  /** Whether chunks are made here. Only clients of before HTTP/1.1 know none: for them the connection's end is the stream's. */
  private readonly chunked: boolean;

  constructor(
    private readonly response: ServerResponse,
    private readonly call: Cancellation,
    headers: Readonly<Record<string, string>>,
  ) {
    this.chunked = FRAMES_ARE_OURS && response.useChunkedEncodingByDefault;
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache',
      // Balancers such as nginx would hold the stream back.
      'x-accel-buffering': 'no',
      ...(this.chunked ? { 'transfer-encoding': 'chunked' } : {}),
      ...headers,
    });
    // Node would write the length, the line breaks and the text of each chunk as four pieces, which costs more than to
    // make the text. So they are put together here.
    if (this.chunked) response.chunkedEncoding = false;
  }

  /** Events that are framed already. A promise when the client must catch up first. */
  send(frames: string): Promise<void> | undefined {
    this.call.throwIfAborted();
    return this.response.write(this.chunk(frames)) ? undefined : this.drained();
  }

  end(frames: string): void {
    if (!this.response.destroyed) this.response.end(this.chunked ? `${this.chunk(frames)}0\r\n\r\n` : frames);
  }

  private chunk(text: string): string {
    return this.chunked && text !== '' ? `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n` : text;
  }

  private drained(): Promise<void> {
    return new Promise((resolve, reject) => {
      const { response, call } = this;
      const finish = (settle: () => void) => {
        response.removeListener('drain', ready);
        call.offAbort(stop);
        settle();
      };
      const ready = () => finish(resolve);
      const stop = (reason: Error) => finish(() => reject(reason));
      response.once('drain', ready);
      call.onAbort(stop);
    });
  }
}
