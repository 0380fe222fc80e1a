import type { ServerResponse } from 'node:http';
import { isPurserError, PurserError } from '@purser/contracts';
import { openAiError } from './openai-errors.js';

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

  async send(data: object): Promise<void> {
    this.signal.throwIfAborted();
    if (!this.response.write(`data: ${JSON.stringify(data)}\n\n`)) await this.drained();
  }

  done(): void {
    this.response.end('data: [DONE]\n\n');
  }

  /** The answer had begun, so the error is its last event. */
  fail(error: unknown): void {
    if (this.response.destroyed) return;
    const known = isPurserError(error) ? error : new PurserError('internal', { cause: error });
    this.response.end(`data: ${JSON.stringify(openAiError(known))}\n\n`);
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
