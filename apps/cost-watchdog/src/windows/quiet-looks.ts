import type { WindowChanges } from './window-changes.js';

/**
 * A look at spend and budgets that is repeated, but for those that could find nothing new: nothing was spent and no budget
 * changed here since the last one, and that one left nothing to come back for. Every so-manieth is made all the same: of
 * what another watchdog settles, that one looks itself.
 */
export class QuietLooks {
  private seen: number | undefined;
  private skipped = 0;

  constructor(
    private readonly changes: WindowChanges,
    private readonly anyway: number,
    /** Resolves to whether there is nothing to come back for. */
    private readonly look: () => Promise<boolean>,
  ) {}

  async next(): Promise<void> {
    const { count } = this.changes;
    if (count === this.seen && ++this.skipped < this.anyway) return;
    this.skipped = 0;
    this.seen = undefined;
    if (await this.look()) this.seen = count;
  }
}
