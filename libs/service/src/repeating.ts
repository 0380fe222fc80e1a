import { isPurserError } from '@purser/contracts';
import type { Log } from './log.js';
import { untilTick } from './ticker.js';

/** Work that is done again and again, never twice at once; trouble is logged when it begins and when it ends. */
export class Repeating {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  private failing = false;
  private stopped = false;

  constructor(
    private readonly what: string,
    private readonly everyMs: number,
    private readonly work: () => Promise<void>,
    private readonly log: Log,
  ) {}

  start(): void {
    this.timer = setTimeout(() => {
      this.running = this.once().then(() => {
        if (!this.stopped) this.start();
      });
    }, untilTick(this.everyMs));
  }

  /** Waits for the run at hand. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.running;
  }

  private async once(): Promise<void> {
    try {
      await this.work();
      if (this.failing) this.log.info({}, `${this.what}: works again`);
      this.failing = false;
    } catch (error) {
      const passing = isPurserError(error) && error.retryable;
      if (!this.failing || !passing) this.log.warn({ error }, `${this.what}: failed; trying on`);
      this.failing = true;
    }
  }
}
