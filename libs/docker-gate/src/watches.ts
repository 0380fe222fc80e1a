const RETRY_MS = 1_000;
/** So many are known as given up once they are gone. */
const MOST_REMEMBERED = 1_000;

/**
 * A dead man's switch for each container: whoever had it made says again and again that it is still there, or the
 * container is removed. A caller that was killed or stands still leaves nothing at work beyond its last word.
 */
export class Watches {
  private readonly timers = new Map<string, NodeJS.Timeout>();
  private readonly givenUp = new Set<string>();
  private readonly remove: (id: string) => Promise<boolean>;

  /** `remove`: whether it is gone. */
  constructor(remove: (id: string) => Promise<boolean>) {
    this.remove = remove;
  }

  get ids(): string[] {
    return [...this.timers.keys()];
  }

  has(id: string): boolean {
    return this.timers.has(id);
  }

  begin(id: string, forMs: number): void {
    clearTimeout(this.timers.get(id));
    this.timers.set(
      id,
      setTimeout(() => void this.end(id), forMs),
    );
  }

  /** @returns whether it is watched at all: one that was given up is not taken back, also while it is being removed */
  renew(id: string, forMs: number): boolean {
    if (!this.timers.has(id) || this.givenUp.has(id)) return false;
    this.begin(id, forMs);
    return true;
  }

  /** Whether nothing was heard for it in time. */
  gaveUp(id: string): boolean {
    return this.givenUp.has(id);
  }

  forget(id: string): void {
    clearTimeout(this.timers.get(id));
    this.timers.delete(id);
  }

  /** Until it is gone, however long the engine cannot be reached. */
  private async end(id: string): Promise<void> {
    this.givenUp.add(id);
    const [oldest] = this.givenUp;
    if (this.givenUp.size > MOST_REMEMBERED) this.givenUp.delete(oldest!);
    const gone = await this.remove(id).catch(() => false);
    // Meanwhile it may have been removed by its caller.
    if (gone || !this.timers.has(id)) this.forget(id);
    else this.begin(id, RETRY_MS);
  }
}
