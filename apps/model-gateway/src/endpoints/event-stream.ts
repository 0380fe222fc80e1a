import type { ServerResponse } from 'node:http';
import type { Cancellation } from '../calls/cancellation.js';

/** Server-sent events to one client, no faster than it reads. */
export class EventStream {
  constructor(
    private readonly response: ServerResponse,
    private readonly call: Cancellation,
    headers: Readonly<Record<string, string>>,
  ) {
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache',
      // Balancers such as nginx would hold the stream back.
      'x-accel-buffering': 'no',
      ...headers,
    });
  }

  /** Events that are framed already. A promise when the client must catch up first. */
  send(frames: string): Promise<void> | undefined {
    this.call.throwIfAborted();
    return this.response.write(frames) ? undefined : this.drained();
  }

  end(frames: string): void {
    if (!this.response.destroyed) this.response.end(frames);
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
