import { PurserError } from '@purser/contracts';
import { type CallOptions, isProviderError, ProviderError } from '@purser/plugin-sdk';
import { withoutSecrets } from '@purser/service';
import { Cancellation } from './cancellation.js';

/** Made once: nobody reads where it came from, and a stack for every call costs more than the call's other bookkeeping. */
const OVER = new Error('the attempt is over');

export interface CallLimits {
  totalMs: number;
  idleMs: number;
}

/**
 * Ends one attempt: with the client's call, after the whole time, or after a silence. What waits on a provider waits on
 * this too, so that a plugin that ignores its signal holds nobody up.
 */
export class AttemptSignal {
  private readonly cancellation: Cancellation;
  private readonly total: NodeJS.Timeout;
  private idle: NodeJS.Timeout | undefined;
  private heardAt = 0;
  private paused = false;
  private ended = false;
  private afterwards: (() => void) | undefined;
  private readonly onOuter = (reason: Error) => this.cancellation.abort(reason);

  constructor(
    private readonly outer: Cancellation,
    private readonly limits: CallLimits,
  ) {
    this.cancellation = new Cancellation(outer.report);
    this.total = setTimeout(() => this.late(limits.totalMs), limits.totalMs);
    outer.onAbort(this.onOuter);
  }

  /** For whoever is asked. A copy has no `ending`: its signal, which may be another one then, is all that ends it. */
  get options(): CallOptions {
    const ending = this.cancellation;
    const options: CallOptions = {
      get signal() {
        return ending.signal;
      },
    };
    return Object.defineProperty(options, 'ending', { value: ending });
  }

  /** Whether the client's call ended first; false when a clock ran out, or when all went well. */
  get cancelled(): boolean {
    return this.outer.aborted && this.cancellation.reason === this.outer.reason;
  }

  /** Calls back once, when the attempt or the client's call is over. */
  whenOver(callback: () => void): void {
    this.afterwards = callback;
    this.cancellation.onAbort(() => this.over());
  }

  /** Starts to count the silence anew. */
  listen(): undefined {
    this.paused = false;
    // To move the clock for every piece costs more than to look how late it is when it runs out.
    this.heardAt = performance.now();
    if (!this.ended) this.idle ??= setTimeout(() => this.look(), this.limits.idleMs);
  }

  throwIfAborted(): void {
    this.cancellation.throwIfAborted();
  }

  /** Until it listens again; the clock itself goes on. */
  pause(): void {
    this.paused = true;
  }

  race<T>(work: Promise<T>): Promise<T> {
    const { cancellation } = this;
    return new Promise<T>((resolve, reject) => {
      cancellation.onAbort(reject);
      work.then(
        (value) => {
          cancellation.offAbort(reject);
          resolve(value);
        },
        (error: Error) => {
          cancellation.offAbort(reject);
          reject(error);
        },
      );
    });
  }

  /** Stops the clocks, and cancels what may still run upstream. After a whole answer nothing does. */
  end({ whole = false } = {}): void {
    this.ended = true;
    clearTimeout(this.total);
    clearTimeout(this.idle);
    this.outer.offAbort(this.onOuter);
    if (!whole) this.cancellation.abort(OVER);
    this.over();
  }

  private over(): void {
    const { afterwards } = this;
    this.afterwards = undefined;
    afterwards?.();
  }

  private look(): void {
    this.idle = undefined;
    if (this.paused) return;
    const left = this.heardAt + this.limits.idleMs - performance.now();
    if (left > 0) this.idle = setTimeout(() => this.look(), left);
    else this.late(this.limits.idleMs);
  }

  private late(ms: number): void {
    this.cancellation.abort(
      new ProviderError('timeout', `nothing came from the provider for ${ms / 1000} s`, { mayBill: true }),
    );
  }
}

/**
 * What was thrown, as a failure of the provider: anything unknown may have cost money. Clients are told of it, and there
 * are servers that repeat the key that they refuse.
 */
export function providerFailure(error: unknown): ProviderError {
  const message = withoutSecrets(error instanceof Error ? error.message : String(error));
  if (isProviderError(error)) {
    if (message !== error.message) error.message = message;
    return error;
  }
  return new ProviderError('unknown', message, { mayBill: true, cause: error });
}

/** The error that a client gets when a provider fails after its answer had begun. */
export const brokenOff = (error: ProviderError): PurserError =>
  new PurserError('provider_failed', {
    message: `the provider failed after its answer had begun (${error.kind}: ${error.message})`,
    cause: error,
  });
