import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';

export interface AnswerHead {
  status: number;
  headers: IncomingHttpHeaders;
}

/** So much of an answer waits here for its reader; then the server waits. */
const MOST_WAITING = 256 * 1024;

/** Made once: a stack for every answer would cost more than reading it. */
const LEFT = new Error('nobody reads the answer any more');
const NEVER_BEGAN = new Error('the answer ended before it began');

/**
 * One request and its answer, straight on undici's callbacks: its streams and promises cost more than all that a gateway
 * does with a call. The body may be read once; leaving it, or aborting the signal, closes the connection.
 */
export class HttpExchange implements Dispatcher.DispatchHandler, AsyncIterable<Uint8Array> {
  readonly head: Promise<AnswerHead>;
  private begun!: (head: AnswerHead) => void;
  private failed!: (error: unknown) => void;
  private controller: Dispatcher.DispatchController | undefined;
  private waiting: Uint8Array[] = [];
  private bytesWaiting = 0;
  private over = false;
  private error: unknown;
  private wake: (() => void) | undefined;

  constructor(private readonly signal: AbortSignal) {
    this.head = new Promise((resolve, reject) => {
      this.begun = resolve;
      this.failed = reject;
    });
    // Whoever waits for it is told; when nobody does, it is no news either.
    this.head.catch(() => undefined);
    signal.addEventListener('abort', this.aborted, { once: true });
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller;
    if (this.signal.aborted) this.aborted();
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    // What comes before the answer itself.
    if (status >= 200) this.begun({ status, headers });
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.waiting.push(chunk);
    this.bytesWaiting += chunk.length;
    if (this.bytesWaiting > MOST_WAITING) controller.pause();
    this.wakeReader();
  }

  onResponseEnd(): void {
    this.end(undefined);
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.end(error);
  }

  /** Nobody reads on. Before the answer's end this closes the connection, which is how a server learns of it. */
  leave(): void {
    if (!this.over) this.controller?.abort(LEFT);
    this.end(LEFT);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void> {
    try {
      for (;;) {
        const parts = this.waiting;
        if (parts.length > 0) {
          this.waiting = [];
          this.bytesWaiting = 0;
          if (this.controller?.paused === true) this.controller.resume();
          yield* parts;
        } else if (!this.over) await this.more();
        else if (this.error !== undefined) throw this.error as Error;
        else return;
      }
    } finally {
      this.leave();
    }
  }

  private more(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve;
    });
  }

  private readonly aborted = (): void => {
    const reason: unknown = this.signal.reason;
    this.controller?.abort(reason instanceof Error ? reason : LEFT);
    this.end(reason);
  };

  private end(error: unknown): void {
    if (this.over) return;
    this.over = true;
    this.error = error;
    this.signal.removeEventListener('abort', this.aborted);
    // Without effect when the head is there already.
    this.failed(error ?? NEVER_BEGAN);
    this.wakeReader();
  }

  private wakeReader(): void {
    this.wake?.();
    this.wake = undefined;
  }
}
