import { EventEmitter, once } from 'node:events';
import type { NatsConnection } from '@nats-io/nats-core';

/** What was asked may have been done; nobody can tell now. */
export class ConnectionLost extends Error {}

/** Whether the connection to the server stands, and when that changes. */
export class Link {
  /** How often the connection was lost. */
  losses = 0;
  private up = true;
  private lost = new AbortController();
  private readonly changes = new EventEmitter().setMaxListeners(0);

  constructor(private readonly connection: NatsConnection) {
    void this.watch();
  }

  get isUp(): boolean {
    return this.up && !this.connection.isClosed();
  }

  /**
   * Runs a request that needs an answer, within the time: first waits for the connection, and gives up on the answer when
   * the connection is lost, since it will not come any more. Rejects with `signal`'s reason when that aborts.
   */
  async within<T>(
    timeoutMs: number,
    signal: AbortSignal | undefined,
    request: (timeoutMs: number) => Promise<T>,
  ): Promise<T> {
    const deadline = performance.now() + timeoutMs;
    await this.whenUp(timeoutMs, signal);
    const left = Math.max(1, Math.ceil(deadline - performance.now()));
    const whileUp = this.lost.signal;
    const either = signal ? AbortSignal.any([signal, whileUp]) : whileUp;
    either.throwIfAborted();
    return new Promise<T>((resolve, reject) => {
      const onAbort = () => reject(either.reason as Error);
      either.addEventListener('abort', onAbort, { once: true });
      request(left)
        .then(resolve, reject)
        .finally(() => either.removeEventListener('abort', onAbort));
    });
  }

  private async whenUp(timeoutMs: number, signal: AbortSignal | undefined): Promise<void> {
    if (this.isUp) return;
    if (this.connection.isClosed()) throw new Error('the connection is closed');
    const tooLong = AbortSignal.timeout(timeoutMs);
    try {
      await once(this.changes, 'up', { signal: signal ? AbortSignal.any([signal, tooLong]) : tooLong });
    } catch (cause) {
      throw new Error('the connection is down', { cause });
    }
  }

  private async watch(): Promise<void> {
    for await (const { type } of this.connection.status()) {
      if (type === 'disconnect' || type === 'close') {
        this.up = false;
        this.losses++;
        this.lost.abort(new ConnectionLost('the connection was lost before the answer came'));
      } else if (type === 'reconnect') {
        this.up = true;
        this.lost = new AbortController();
        this.changes.emit('up');
      }
    }
    this.up = false;
    this.lost.abort(new ConnectionLost('the connection was lost before the answer came'));
  }
}
