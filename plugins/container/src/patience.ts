import { setTimeout as delay } from 'node:timers/promises';
import { NotNow } from './problems.js';

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;

/** Waits for a machine that cannot run containers at present, for so long in all, and no longer than the session may. */
export class Patience {
  private readonly until: number;
  private readonly stop: AbortSignal;
  private readonly say: (line: string) => void;
  private said = false;

  constructor(ms: number, stop: AbortSignal, say: (line: string) => void) {
    this.until = performance.now() + ms;
    this.stop = stop;
    this.say = say;
  }

  async with<T>(work: () => Promise<T>): Promise<T> {
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
      try {
        return await work();
      } catch (error) {
        const leftMs = this.until - performance.now();
        if (!(error instanceof NotNow) || leftMs <= 0 || this.stop.aborted) throw error;
        if (!this.said) this.say(`${error.message}; it is tried again`);
        this.said = true;
        await delay(Math.min(pauseMs, leftMs), undefined, { signal: this.stop }).catch(() => undefined);
        if (this.stop.aborted) throw error;
      }
    }
  }
}
