import { setTimeout as pause } from 'node:timers/promises';
import type { MirroredFiles } from './mirrored-files.js';
import { LinkCut } from './vm-client.js';

/** After a version that was not to be had by no fault of its own. */
const AGAIN_MS = 1_000;

type Name = Parameters<MirroredFiles['bring']>[0];

/** Brings what a program leaves one after the other, each file in its last version: a program may write faster than they come. */
export class NewVersions {
  /** Sizes by names, of what is yet to come. */
  private readonly waiting = new Map<Name, number>();
  private bringing: Promise<void> | undefined;
  private readonly closing = new AbortController();

  constructor(
    private readonly files: Pick<MirroredFiles, 'bring'>,
    private readonly say: (line: string) => void,
  ) {}

  add(name: Name, size: number): void {
    if (this.closing.signal.aborted) return;
    this.waiting.set(name, size);
    this.bringing ??= this.bringAll().finally(() => (this.bringing = undefined));
  }

  /** What is on its way comes first; what waits is not begun, as all of it comes with the program's end. */
  async close(): Promise<void> {
    this.closing.abort();
    await this.bringing;
  }

  private async bringAll(): Promise<void> {
    for (;;) {
      const [next] = this.waiting;
      if (!next || this.closing.signal.aborted) return;
      const [name, size] = next;
      this.waiting.delete(name);
      try {
        await this.files.bring(name, size);
      } catch (error) {
        this.say(`${name} was not taken: ${(error as Error).message}`);
        if (!(error instanceof LinkCut)) continue;
        if (!this.waiting.has(name)) this.waiting.set(name, size);
        await pause(AGAIN_MS, undefined, { signal: this.closing.signal, ref: false }).catch(() => undefined);
      }
    }
  }
}
