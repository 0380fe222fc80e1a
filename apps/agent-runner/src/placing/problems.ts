import { isPurserError } from '@purser/contracts';
import type { ExecutorResult } from '@purser/plugin-sdk';

/** A session that has no VM, and what becomes of it. */
export class NotPlaced extends Error {
  constructor(readonly result: ExecutorResult) {
    super(result.kind === 'failed' ? result.error.message : 'reason' in result ? result.reason : result.kind);
  }
}

export const failed = (code: string, message: string): NotPlaced =>
  new NotPlaced({ kind: 'failed', error: { code, message } });
/** It counts as a session: what cost money and came to nothing must not be tried without end. */
export const counted = (reason: string): NotPlaced => new NotPlaced({ kind: 'continue', reason });
export const released = (reason: string): NotPlaced => new NotPlaced({ kind: 'released', reason });

/** Undefined for what may be otherwise in a moment. */
export function refusalOf(error: unknown): NotPlaced | undefined {
  if (error instanceof NotPlaced) return error;
  if (!isPurserError(error)) return undefined;
  const { code, message } = error;
  if (code === 'budget_exhausted' || code === 'budget_held')
    return new NotPlaced({ kind: 'continue', reason: `no VM was made: ${message}`, waitsFor: 'budget' });
  if (code === 'emergency') return released(message);
  return error.retryable ? undefined : failed('no_vm', message);
}
