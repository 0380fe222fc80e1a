import type { RetryPolicy } from '@purser/plugin-host';
import type { ProviderError } from '@purser/plugin-sdk';

export interface Tried {
  /** Attempts at this tier so far. */
  attempts: number;
  /** Between them, in all. */
  waitedMs: number;
  /** How long the provider is to be left alone, as far as is known. */
  leftAloneMs: number;
}

/** A second try mends these: nothing was wrong with the request, the key or the model. */
const passing = new Set<ProviderError['kind']>(['rate_limited', 'overloaded', 'connection', 'timeout', 'unknown']);

/**
 * How long to wait before the same tier is asked once more; undefined when the next tier is to be asked. What may have
 * been billed is not repeated: it would be paid for twice.
 *
 * Exponential backoff with full jitter: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export function retryWait(
  policy: RetryPolicy,
  { mayBill, kind, retryAfterMs = 0 }: ProviderError,
  { attempts, waitedMs, leftAloneMs }: Tried,
  random: () => number,
): number | undefined {
  if (attempts >= policy.attempts || mayBill || !passing.has(kind)) return undefined;
  const jittered = random() * policy.firstMs * 2 ** (attempts - 1);
  const wait = Math.ceil(Math.max(jittered, retryAfterMs, leftAloneMs));
  return waitedMs + wait > policy.mostMs ? undefined : wait;
}
