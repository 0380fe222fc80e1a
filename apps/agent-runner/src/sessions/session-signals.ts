import type { Signal } from '@purser/contracts';

type Listener = (signal: Signal) => void | Promise<void>;

/** The signals to one session: received from the orchestrator, and given to its executor one after the other. */
export class SessionSignals {
  /** The number of the last one received: those up to it are not sent to this session again. */
  received = 0;
  /** The number of the last one that the executor took: the next session does not get those up to it. */
  delivered = 0;
  private readonly waiting: Signal[] = [];
  private listener: Listener | undefined;
  private delivering = false;

  /** In order; those that were received before are left out. */
  take(signals: readonly Signal[]): void {
    for (const signal of signals) {
      if (signal.number <= this.received) continue;
      this.received = signal.number;
      this.waiting.push(signal);
    }
    void this.deliver();
  }

  deliverTo(listener: Listener): void {
    this.listener = listener;
    void this.deliver();
  }

  private async deliver(): Promise<void> {
    if (this.delivering) return;
    this.delivering = true;
    try {
      for (let next = this.waiting[0]; next && this.listener; next = this.waiting[0]) {
        await this.listener(next);
        this.delivered = next.number;
        this.waiting.shift();
      }
    } catch {
      // The executor has said why where the session's log is. What it did not take is for the next session.
      this.listener = undefined;
    } finally {
      this.delivering = false;
    }
  }
}
