import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import type { CallEnding } from './call-ending.js';
import type { BytesInPieces, TakeBytes } from './pass-through.js';

export interface AnswerHead {
  status: number;
  headers: IncomingHttpHeaders;
}

/** So much of an answer waits here for its reader; then the server waits. */
const MOST_WAITING = 256 * 1024;

/** Made once: a stack for every answer would cost more than reading it. */
const LEFT = new Error('nobody reads the answer any more');
const NEVER_BEGAN = new Error('the answer ended before it began');

interface Taker {
  take: TakeBytes;
  resolve: () => void;
  reject: (error: unknown) => void;
}

/**
 * One request and its answer, straight on undici's callbacks: its streams and promises cost more than all that a gateway
 * does with a call. The body may be read once; leaving it, or ending the call, closes the connection.
 */
export class HttpExchange implements Dispatcher.DispatchHandler, AsyncIterableIterator<Uint8Array>, BytesInPieces {
  /** Rejects with what `failure` makes of the network's error. */
  readonly head: Promise<AnswerHead>;
  private begun!: (head: AnswerHead) => void;
  private failed!: (error: unknown) => void;
  private controller: Dispatcher.DispatchController | undefined;
  private readonly waiting: Uint8Array[] = [];
  private bytesWaiting = 0;
  private headThere = false;
  private over = false;
  private error: unknown;
  private taker: Taker | undefined;
  /** The taker has not done with its last piece. */
  private busy = false;
  private reader: { resolve: (next: IteratorResult<Uint8Array>) => void; reject: (error: unknown) => void } | undefined;

  constructor(
    private readonly ending: CallEnding,
    private readonly failure: (error: unknown) => Error,
  ) {
    this.head = new Promise((resolve, reject) => {
      this.begun = resolve;
      this.failed = reject;
    });
    // Whoever waits for it is told; when nobody does, it is no news either.
    this.head.catch(() => undefined);
    ending.onAbort(this.aborted);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller;
    if (this.ending.aborted) this.aborted();
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    // What comes before the answer itself.
    if (status < 200) return;
    this.headThere = true;
    this.begun({ status, headers });
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const { reader, taker } = this;
    if (taker && !this.busy) {
      this.give(taker, chunk);
      return;
    }
    if (reader) {
      this.reader = undefined;
      reader.resolve({ done: false, value: chunk });
      return;
    }
    this.waiting.push(chunk);
    this.bytesWaiting += chunk.length;
    if (this.bytesWaiting > MOST_WAITING) controller.pause();
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

  pushTo(take: TakeBytes): Promise<void> {
    return new Promise((resolve, reject) => {
      this.taker = { take, resolve, reject };
      this.goOn();
    });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Uint8Array>> {
    const value = this.nextWaiting();
    if (value) return Promise.resolve({ done: false, value });
    if (!this.over) return new Promise((resolve, reject) => (this.reader = { resolve, reject }));
    if (this.error !== undefined) return Promise.reject(this.failure(this.error));
    return Promise.resolve({ done: true, value: undefined });
  }

  return(): Promise<IteratorResult<Uint8Array>> {
    this.leave();
    return Promise.resolve({ done: true, value: undefined });
  }

  private nextWaiting(): Uint8Array | undefined {
    const value = this.waiting.shift();
    if (!value) return undefined;
    this.bytesWaiting -= value.length;
    if (this.waiting.length === 0 && this.controller?.paused === true) this.controller.resume();
    return value;
  }

  /** Gives the taker what waits, as long as it keeps up, and tells it of the end. */
  private goOn(): void {
    const { taker } = this;
    while (taker && taker === this.taker && !this.busy) {
      const value = this.nextWaiting();
      if (!value) {
        if (this.over) this.dismiss(taker);
        return;
      }
      this.give(taker, value);
    }
  }

  private give(taker: Taker, chunk: Uint8Array): void {
    try {
      const done = taker.take(chunk);
      if (!done) return;
      this.busy = true;
      done.then(
        () => {
          this.busy = false;
          this.goOn();
        },
        (error: unknown) => this.refuse(taker, error),
      );
    } catch (error) {
      this.refuse(taker, error);
    }
  }

  /** The taker wants no more. */
  private refuse(taker: Taker, error: unknown): void {
    this.taker = undefined;
    this.waiting.length = 0;
    this.leave();
    taker.reject(error);
  }

  private dismiss({ resolve, reject }: Taker): void {
    this.taker = undefined;
    if (this.error === undefined) resolve();
    else reject(this.failure(this.error));
  }

  private readonly aborted = (): void => {
    const { reason } = this.ending;
    this.controller?.abort(reason instanceof Error ? reason : LEFT);
    this.end(reason);
  };

  private end(error: unknown): void {
    if (this.over) return;
    this.over = true;
    this.error = error;
    this.ending.offAbort(this.aborted);
    if (!this.headThere) this.failed(this.failure(error ?? NEVER_BEGAN));
    this.goOn();
    const { reader } = this;
    this.reader = undefined;
    if (!reader) return;
    if (error === undefined) reader.resolve({ done: true, value: undefined });
    else reader.reject(this.failure(error));
  }
}
