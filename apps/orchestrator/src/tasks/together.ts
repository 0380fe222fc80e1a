import { isPurserError, PurserError } from '@purser/contracts';

export interface TogetherLimits<T> {
  /** In one go, by number and by size; one alone always goes. */
  mostItems: number;
  mostBytes: number;
  bytesOf: (item: T) => number;
  /** Beyond it who asks is told to come again. */
  mostWaiting: number;
}

interface Waiting<T, R> {
  item: T;
  resolve: (result: R) => void;
  reject: (error: unknown) => void;
}

/**
 * Group commit: items that arrive while work is under way go together in the next one, each with its own answer. One
 * that comes alone goes at once.
 */
export class Together<T, R> {
  private readonly waiting: Waiting<T, R>[] = [];
  private running = false;

  constructor(
    private readonly work: (items: T[]) => Promise<R[]>,
    private readonly limits: TogetherLimits<T>,
  ) {}

  /** @throws what the work threw for this item; PurserError `unavailable` when too many wait */
  add(item: T): Promise<R> {
    if (this.waiting.length >= this.limits.mostWaiting)
      return Promise.reject(
        new PurserError('unavailable', {
          message: `${this.waiting.length} submissions wait already; try again shortly`,
        }),
      );
    return new Promise((resolve, reject) => {
      this.waiting.push({ item, resolve, reject });
      if (!this.running) void this.run();
    });
  }

  private async run(): Promise<void> {
    this.running = true;
    // What the same read of the socket brought comes along.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.waiting.length > 0) await this.settle(this.next());
    this.running = false;
  }

  private next(): Waiting<T, R>[] {
    const { mostItems, mostBytes, bytesOf } = this.limits;
    let count = 0;
    let bytes = 0;
    for (const { item } of this.waiting) {
      bytes += bytesOf(item);
      if (count > 0 && (count === mostItems || bytes > mostBytes)) break;
      count += 1;
    }
    return this.waiting.splice(0, count);
  }

  private async settle(group: Waiting<T, R>[]): Promise<void> {
    try {
      const results = await this.work(group.map(({ item }) => item));
      group.forEach(({ resolve }, index) => resolve(results[index] as R));
    } catch (error) {
      const passing = isPurserError(error) && error.retryable;
      // A defect is one item's: the others do not suffer for it.
      if (passing || group.length === 1) for (const { reject } of group) reject(error);
      else for (const one of group) await this.settle([one]);
    }
  }
}
