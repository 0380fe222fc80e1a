import type { ServerResponse } from 'node:http';
import type { Cancellation } from '../calls/cancellation.js';

/** Server-sent events to one client, no faster than it reads. */
export class EventStream {
  /** Only clients of before HTTP/1.1 know no chunks: for them the connection's end is the stream's. */
  private readonly chunked: boolean;

  constructor(
    private readonly response: ServerResponse,
    private readonly call: Cancellation,
    headers: Readonly<Record<string, string>>,
  ) {
    this.chunked = response.useChunkedEncodingByDefault;
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
    response.chunkedEncoding = false;
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
