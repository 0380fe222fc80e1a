import { setTimeout as wait } from 'node:timers/promises';

/** One rule of the SDK as a test of any runner: `for (const {name, run} of checks) it(name, run)`. */
export interface ConformanceCheck {
  name: string;
  /** Rejects with an error that says what was expected. */
  run(): Promise<void>;
}

/** Fails when `promise` is not settled in time. */
export async function within<T>(ms: number, what: string, promise: Promise<T>): Promise<T> {
  const stop = new AbortController();
  const late = wait(ms, undefined, { signal: stop.signal }).then(() => {
    throw new Error(`${what} took longer than ${ms} ms`);
  });
  late.catch(() => undefined);
  try {
    return await Promise.race([promise, late]);
  } finally {
    stop.abort();
  }
}

/** Waits for a fact that another process or the far end of a connection brings about. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, ms = 5000): Promise<void> {
  const deadline = Date.now() + ms;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`not within ${ms} ms: ${what}`);
    await wait(10);
  }
}
