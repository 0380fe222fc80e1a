/**
 * What can be ended early, once, by whoever loses interest in it. An AbortSignal is made only for those who need one: it
 * and its events cost more than all other bookkeeping of a call.
 */
export class Cancellation {
  private why: Error | undefined;
  private controller: AbortController | undefined;
  private listeners: ((reason: Error) => void)[] = [];

  get aborted(): boolean {
    return this.why !== undefined;
  }

  /** Why; undefined as long as it goes on. */
  get reason(): Error | undefined {
    return this.why;
  }

  get signal(): AbortSignal {
    if (!this.controller) {
      this.controller = new AbortController();
      if (this.why) this.controller.abort(this.why);
    }
    return this.controller.signal;
  }

  abort(reason: Error): void {
    if (this.why) return;
    this.why = reason;
    this.controller?.abort(reason);
    const { listeners } = this;
    this.listeners = [];
    for (const listener of listeners) listener(reason);
  }

  throwIfAborted(): void {
    if (this.why) throw this.why;
  }

  /** Calls back once, at once when it was aborted before. */
  onAbort(listener: (reason: Error) => void): void {
    if (this.why) listener(this.why);
    else this.listeners.push(listener);
  }

  offAbort(listener: (reason: Error) => void): void {
    const at = this.listeners.indexOf(listener);
    if (at >= 0) this.listeners.splice(at, 1);
  }
}
