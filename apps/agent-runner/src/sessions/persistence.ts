import { isPurserError } from '@purser/contracts';

export interface PersistenceOptions {
  /** Asked before each further attempt. */
  mayGoOn: () => boolean;
  /** How often an `internal` error, which may be no passing trouble at all, is tried again. */
  defects?: number;
  firstWaitMs?: number;
  maxWaitMs?: number;
}

/** Tries again while the trouble is of the kind that passes; throws the last error when it must not go on. */
export async function persist<T>(attempt: () => Promise<T>, options: PersistenceOptions): Promise<T> {
  const { mayGoOn, defects = 0, firstWaitMs = 100, maxWaitMs = 1_000 } = options;
  let failed = 0;
  for (let waitMs = firstWaitMs; ; waitMs = Math.min(waitMs * 2, maxWaitMs)) {
    try {
      return await attempt();
    } catch (error) {
      const defect = isPurserError(error) && error.code === 'internal' && (failed += 1) <= defects;
      if (!defect && !(isPurserError(error) && error.retryable)) throw error;
      if (!mayGoOn()) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, waitMs * (0.75 + Math.random() / 2)));
  }
}
