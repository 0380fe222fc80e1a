import { failureFromNetwork, failureFromStatus, isProviderError, ProviderError } from '@purser/plugin-sdk';
import { APIConnectionError, APIConnectionTimeoutError, APIError } from 'openai';

/** What the official client throws, as Purser tells failures. Not for aborts: those end with the signal's own reason. */
export function failure(error: unknown, shown: string): ProviderError {
  if (isProviderError(error)) return error;
  if (error instanceof APIConnectionTimeoutError)
    return new ProviderError('timeout', `${shown}: no answer in time`, { mayBill: true, cause: error });
  if (error instanceof APIConnectionError) return failureFromNetwork(error.cause ?? error, shown);
  if (error instanceof APIError) {
    const { message, code, headers } = error as APIError<number | undefined, Headers | undefined>;
    const status = (error as APIError<number | undefined>).status;
    if (status !== undefined) return failureFromStatus(status, message, { headers, code, cause: error });
    // An error event inside a stream: the model had begun.
    return new ProviderError('overloaded', message, { mayBill: true, cause: error });
  }
  if (error instanceof SyntaxError)
    return new ProviderError('unknown', `${shown}: ${error.message}`, { mayBill: true, cause: error });
  return failureFromNetwork(error, shown);
}
