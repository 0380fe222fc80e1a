/**
 * What can be ended early, once, by whoever loses interest in it. An AbortSignal is made only for those who need one: it
 * and its events cost more than all other bookkeeping of a call.
 */
export class Cancellation {
  private why: Error | undefined;
  private controller: AbortController | undefined;
  private readonly listeners: ((reason: Error) => void)[] = [];

  /** Told what a listener throws: the others are to hear of the end all the same. */
  constructor(readonly report: (error: unknown) => void) {}

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
    // One at a time: what one of them does may take away another.
    for (let listener = this.listeners.shift(); listener; listener = this.listeners.shift()) {
      try {
        listener(reason);
      } catch (error) {
        this.report(error);
      }
    }
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
