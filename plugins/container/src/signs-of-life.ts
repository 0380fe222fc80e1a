import type { Engine } from './engine.js';
import { NotNow } from './problems.js';

/** Signs of life to the gate come this often, or more often when little time is left. */
const SIGN_MS = 1_000;
const SOONEST_SIGN_MS = 50;

/** Says to the gate again and again that a container is wanted. Only while this process runs: whatever stops it stops the signs. */
export class SignsOfLife {
  /** For how long it was said last. */
  saidMs = 0;
  private readonly engine: Engine;
  private readonly id: string;
  private readonly withinMs: () => number;
  private readonly over = new AbortController();
  private readonly refusing = new AbortController();
  private next: NodeJS.Timeout | undefined;

  constructor(engine: Engine, id: string, withinMs: () => number) {
    this.engine = engine;
    this.id = id;
    this.withinMs = withinMs;
    void this.give();
  }

  /** Aborted when the gate does not watch the container: it gave it up and removes it, or is another gate by now. */
  get refused(): AbortSignal {
    return this.refusing.signal;
  }

  stop(): void {
    this.over.abort();
    clearTimeout(this.next);
  }

  private async give(): Promise<void> {
    const withinMs = this.withinMs();
    this.saidMs = withinMs;
    // One that was not heard is followed by the next.
    const word = await this.engine.watch(this.id, withinMs).catch(() => undefined);
    if (this.over.signal.aborted) return;
    if (word === 'given_up' || word === 'unknown')
      return this.refusing.abort(new NotNow('the gate does not watch the container any more'));
    const next = Math.min(SIGN_MS, Math.max(SOONEST_SIGN_MS, withinMs / 4));
    this.next = setTimeout(() => void this.give(), next);
  }
}
