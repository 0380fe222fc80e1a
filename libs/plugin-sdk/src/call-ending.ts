/** Whether a call is to end early, and why. */
export interface CallEnding {
  readonly aborted: boolean;
  /** Of the abort. */
  readonly reason: unknown;
  /** Calls back once; at once when it was aborted before. */
  onAbort(listener: () => void): void;
  /** The listener is not called any more, also while others are. */
  offAbort(listener: () => void): void;
}

interface Options {
  signal: AbortSignal;
  ending?: CallEnding;
}

/** The ending of a call as its options tell it: the caller's own, or its signal's. */
export function endingOf(options: Options): CallEnding {
  const { ending } = options;
  return ending ?? ofSignal(options.signal);
}

/** Throws what ended the call. */
export function throwIfEnded(options: Options): void {
  const ending = endingOf(options);
  if (ending.aborted) throw ending.reason;
}

const ofSignal = (signal: AbortSignal): CallEnding => ({
  get aborted() {
    return signal.aborted;
  },
  get reason() {
    return signal.reason as unknown;
  },
  onAbort: (listener) => {
    if (signal.aborted) listener();
    else signal.addEventListener('abort', listener, { once: true });
  },
  offAbort: (listener) => signal.removeEventListener('abort', listener),
});
