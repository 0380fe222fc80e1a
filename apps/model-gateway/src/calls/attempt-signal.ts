import { PurserError } from '@purser/contracts';
import { isProviderError, ProviderError } from '@purser/plugin-sdk';
import { withoutSecrets } from '@purser/service';

/** Made once: nobody reads where it came from, and a stack for every call costs more than the call's other bookkeeping. */
const OVER = new Error('the attempt is over');

export interface CallLimits {
  totalMs: number;
  idleMs: number;
}

/**
 * The signal of one attempt: ends with the client's call, after the whole time, or after a silence. What waits on a
 * provider waits on this too, so that a plugin that ignores its signal holds nobody up.
 */
export class AttemptSignal {
  private readonly controller = new AbortController();
  private readonly total: NodeJS.Timeout;
  private idle: NodeJS.Timeout | undefined;
  private readonly onOuter = () => this.controller.abort(this.outer.reason);

  constructor(
    private readonly outer: AbortSignal,
    private readonly limits: CallLimits,
  ) {
    this.total = setTimeout(() => this.late(limits.totalMs), limits.totalMs);
    if (outer.aborted) this.onOuter();
    else outer.addEventListener('abort', this.onOuter, { once: true });
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Whether the client's call ended first; false when a clock ran out, or when all went well. */
  get cancelled(): boolean {
    return this.outer.aborted && this.signal.reason === this.outer.reason;
  }

  /** Calls back once, when the attempt or the client's call is over. */
  whenOver(callback: () => void): void {
    if (this.signal.aborted) callback();
    else this.signal.addEventListener('abort', callback, { once: true });
  }

  /** Starts to count the silence anew. */
  listen(): void {
    this.pause();
    this.idle = setTimeout(() => this.late(this.limits.idleMs), this.limits.idleMs);
  }

  pause(): void {
    clearTimeout(this.idle);
  }

  async race<T>(work: Promise<T>): Promise<T> {
    const { signal } = this.controller;
    if (signal.aborted) {
      work.catch(() => undefined);
      throw signal.reason as Error;
    }
    return new Promise<T>((resolve, reject) => {
      const stop = () => reject(signal.reason as Error);
      signal.addEventListener('abort', stop, { once: true });
      work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
    });
  }

  /** Cancels what may still run upstream, and stops the clocks. */
  end(): void {
    clearTimeout(this.total);
    clearTimeout(this.idle);
    this.outer.removeEventListener('abort', this.onOuter);
    this.controller.abort(OVER);
  }

  private late(ms: number): void {
    this.controller.abort(
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
