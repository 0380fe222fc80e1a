/** Does `work` on all, so many at once. Rejects with the first that fails, when those at hand have ended. */
export async function inParallel<T>(all: readonly T[], atOnce: number, work: (one: T) => Promise<void>): Promise<void> {
  const left = [...all];
  const worker = async () => {
    for (let one = left.shift(); one !== undefined; one = left.shift()) await work(one);
  };
  const ended = await Promise.allSettled(Array.from({ length: Math.min(atOnce, all.length) }, worker));
  for (const one of ended) if (one.status === 'rejected') throw one.reason;
}
