/** What is done with fewer bytes in one step takes a few milliseconds. */
const MANY = 1024 * 1024;

/**
 * Between two steps with a large body (parsing it, checking it, writing it anew) lets everything go ahead that is due,
 * so that other calls wait for one step and not for all of them. Undefined where that is not worth it.
 */
export const othersFirst = (bytes: number): Promise<void> | undefined =>
  bytes < MANY ? undefined : new Promise((resolve) => setImmediate(resolve));
