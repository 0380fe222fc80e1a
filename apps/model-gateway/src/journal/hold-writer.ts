import type { Journal } from './journal.js';
import type { HeldCall } from './records.js';

interface Waiting {
  call: HeldCall;
  resolve: () => void;
  reject: (error: unknown) => void;
}

/**
 * Writes down the holds of all calls that come in one turn of the event loop at once: under load several do, and each
 * write by itself was the dearest thing that a call does here.
 */
export class HoldWriter {
  private waiting: Waiting[] = [];

  constructor(private readonly journal: Pick<Journal, 'held'>) {}

  /** Resolves when it is written; rejects when it cannot be. Then the call must not be made. */
  write(call: HeldCall): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.waiting.push({ call, resolve, reject }) === 1) setImmediate(this.writeAll);
    });
  }

  private readonly writeAll = (): void => {
    const { waiting } = this;
    this.waiting = [];
    try {
      this.journal.held(...waiting.map(({ call }) => call));
    } catch (error) {
      for (const { reject } of waiting) reject(error);
      return;
    }
    for (const { resolve } of waiting) resolve();
  };
}
