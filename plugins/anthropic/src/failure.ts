import { conceal, failureFromNetwork, failureFromStatus, isProviderError, ProviderError } from '@purser/plugin-sdk';
import { APIConnectionError, APIConnectionTimeoutError, APIError } from '@anthropic-ai/sdk';
import type { Endpoint } from './endpoint.js';

function failureOf(error: unknown, shown: string): ProviderError {
  if (error instanceof APIConnectionTimeoutError)
    return new ProviderError('timeout', `${shown}: no answer in time`, { mayBill: true, cause: error });
  if (error instanceof APIConnectionError) return failureFromNetwork(error.cause ?? error, shown);
  if (error instanceof APIError) {
    const { status, headers, type } = error as APIError<number | undefined, Headers | undefined>;
    const message = error.apiMessage ?? error.message;
    if (status !== undefined)
      return failureFromStatus(status, message, { headers, code: error.errorCode ?? type, cause: error });
    // An error event inside a stream: the model had begun.
    const kind = type === 'rate_limit_error' ? 'rate_limited' : type === 'timeout_error' ? 'timeout' : 'overloaded';
    return new ProviderError(kind, message, { mayBill: true, cause: error });
  }
  if (error instanceof SyntaxError)
    return new ProviderError('unknown', `${shown}: ${error.message}`, { mayBill: true, cause: error });
  return failureFromNetwork(error, shown);
}

/** What the official client throws, as Purser tells failures. Not for aborts: those end with the signal's own reason. */
export function failure(error: unknown, { shown, key }: Endpoint): ProviderError {
  if (isProviderError(error)) return error;
  const told = failureOf(error, shown);
  const message = conceal(told.message, [key]);
  if (message === told.message) return told;
  // Without its cause, which repeats the key as well.
  const { kind, status, retryAfterMs, mayBill } = told;
  return new ProviderError(kind, message, {
    mayBill,
    ...(status === undefined ? {} : { status }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}
