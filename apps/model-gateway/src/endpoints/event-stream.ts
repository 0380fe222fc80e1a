import type { ServerResponse } from 'node:http';

/** Server-sent events to one client, no faster than it reads. */
export class EventStream {
  constructor(
    private readonly response: ServerResponse,
    private readonly signal: AbortSignal,
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

  /** Events that are framed already. */
  async send(frames: string): Promise<void> {
    this.signal.throwIfAborted();
    if (!this.response.write(frames)) await this.drained();
  }

  end(frames: string): void {
    if (!this.response.destroyed) this.response.end(frames);
  }

  private drained(): Promise<void> {
    return new Promise((resolve, reject) => {
      const { response, signal } = this;
      const finish = (settle: () => void) => {
        response.removeListener('drain', ready);
        signal.removeEventListener('abort', stop);
        settle();
      };
      const ready = () => finish(resolve);
      const stop = () => finish(() => reject(signal.reason as Error));
      response.once('drain', ready);
      signal.addEventListener('abort', stop, { once: true });
      if (signal.aborted) stop();
    });
  }
}
