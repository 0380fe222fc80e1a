import type { FinishOutcome } from '@purser/contracts';
import type { ExecutorResult } from '@purser/plugin-sdk';
import { inWords, type StopCause } from './stop-cause.js';

/** What the orchestrator takes. */
const RESULT_LIMIT = 2 * 1024 * 1024;

/**
 * What a session's end means for its task. Work that was completed counts as completed, also when it was asked to stop
 * meanwhile, unless its task was cancelled. What failed while the runner itself wanted it to stop is given back, since
 * the stop may be why. What did not get done in a session that found no money waits for money: a program that was refused
 * a call cannot be expected to do more than end.
 */
export function decideOutcome(
  result: ExecutorResult,
  { cause, noMoney }: { cause?: StopCause | undefined; noMoney?: string | undefined },
): FinishOutcome {
  if (cause?.kind === 'cancelled') return { kind: 'released', reason: inWords(cause) };
  if (result.kind === 'completed') return completed(result.result);
  if (cause !== undefined && cause.kind !== 'resource') return { kind: 'released', reason: inWords(cause) };
  if (cause === undefined && noMoney !== undefined)
    return { kind: 'continue', reason: `${noMoney}; ${endOf(result)}`, waitsFor: 'budget' };
  if (result.kind === 'failed') return { kind: 'failed', error: result.error };
  return cause === undefined ? result : { kind: 'continue', reason: inWords(cause) };
}

const endOf = (result: Exclude<ExecutorResult, { kind: 'completed' }>): string =>
  result.kind === 'failed' ? `${result.error.code}: ${result.error.message}` : result.reason;

function completed(result: unknown): FinishOutcome {
  const size = jsonBytes(result ?? null);
  if (size <= RESULT_LIMIT) return { kind: 'completed', result: result ?? null };
  const message = Number.isNaN(size)
    ? 'the executor returned a result that is no JSON'
    : `the result has ${size} bytes as JSON, more than the ${RESULT_LIMIT} a task can hold; leave it in the workspace and name the file`;
  return { kind: 'failed', error: { code: 'bad_result', message } };
}

/** NaN for what JSON cannot hold: a function, a cycle, a bigint. */
function jsonBytes(value: unknown): number {
  try {
    const text = JSON.stringify(value) as string | undefined;
    return text === undefined ? NaN : Buffer.byteLength(text);
  } catch {
    return NaN;
  }
}
