const FIRST_MS = 1_000;
const MOST_MS = 60_000;

/** What has failed is tried again after a while, each time later. */
export class Patience {
  private readonly waiting = new Map<string, { failures: number; until: number }>();

  constructor(private readonly monotonic: () => number = () => performance.now()) {}

  isDue(id: string): boolean {
    return this.monotonic() >= (this.waiting.get(id)?.until ?? 0);
  }

  failed(id: string): void {
    const failures = (this.waiting.get(id)?.failures ?? 0) + 1;
    const waitMs = Math.min(MOST_MS, FIRST_MS * 2 ** Math.min(failures - 1, 10));
    this.waiting.set(id, { failures, until: this.monotonic() + waitMs });
  }

  succeeded(id: string): void {
    this.waiting.delete(id);
  }

  keepOnly(ids: readonly string[]): void {
    const kept = new Set(ids);
    for (const id of this.waiting.keys()) if (!kept.has(id)) this.waiting.delete(id);
  }
}
