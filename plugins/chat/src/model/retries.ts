import { setTimeout as delay } from 'node:timers/promises';
import { ModelRefusal } from './refusal.js';

export interface Retries {
  /** How long a call may be tried in all, waiting included. */
  forMs: number;
  /** How often at most. */
  attempts: number;
  firstWaitMs: number;
  maxWaitMs: number;
  /** 0 to 1. */
  random: () => number;
}

/** A provider that is away for minutes comes back; one that is away for longer is for the task's own retries. */
export const RETRIES: Retries = {
  forMs: 600_000,
  attempts: 12,
  firstWaitMs: 500,
  maxWaitMs: 60_000,
  random: Math.random,
};

/** A key is made right after a session begins when the gateway was away then. */
const KEY_ATTEMPTS = 4;

/** Half to one and a half times a wait that doubles; what the server asks for is at least kept. */
export function waitMs(
  { firstWaitMs, maxWaitMs, random }: Retries,
  attempt: number,
  asked: number | undefined,
): number {
  const own = Math.min(firstWaitMs * 2 ** (attempt - 1), maxWaitMs) * (0.5 + random());
  return asked === undefined ? own : Math.max(asked, own);
}

/** Tries again what may succeed later, within bounds. */
export async function retrying<T>(
  retries: Retries,
  signal: AbortSignal,
  say: (line: string) => void,
  once: () => Promise<T>,
): Promise<T> {
  const deadline = performance.now() + retries.forMs;
  for (let attempt = 1; ; attempt += 1) {
    try {
      signal.throwIfAborted();
      return await once();
    } catch (error) {
      if (signal.aborted || !(error instanceof ModelRefusal)) throw error;
      const { refusal } = error;
      if (refusal.kind !== 'later' && refusal.kind !== 'key') throw error;
      const most = refusal.kind === 'key' ? KEY_ATTEMPTS : retries.attempts;
      const wait = waitMs(retries, attempt, refusal.kind === 'later' ? refusal.afterMs : undefined);
      if (attempt >= most || performance.now() + wait > deadline) throw error;
      say(`the model did not answer (${refusal.message}); again in ${(wait / 1000).toFixed(1)} s`);
      await delay(wait, undefined, { signal });
    }
  }
}
