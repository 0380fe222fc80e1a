/** Signals of a terminal reach a process twice when whoever started it passes them on too; one press is one request. */
const SAME_PRESS_MS = 1_000;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Waits for somebody to ask this process to stop; asked again, it insists. */
export class StopSignal {
  /** Resolves with the signal's name. */
  readonly requested: Promise<string>;
  private firstAt: number | undefined;
  private readonly listeners = new Map<NodeJS.Signals, () => void>();

  constructor(insist: () => void) {
    this.requested = new Promise((resolve) => {
      for (const signal of SIGNALS) {
        const listener = (): void => {
          if (this.firstAt === undefined) {
            this.firstAt = performance.now();
            resolve(signal);
          } else if (performance.now() - this.firstAt > SAME_PRESS_MS) insist();
        };
        this.listeners.set(signal, listener);
        process.on(signal, listener);
      }
    });
  }

  close(): void {
    for (const [signal, listener] of this.listeners) process.off(signal, listener);
  }
}
