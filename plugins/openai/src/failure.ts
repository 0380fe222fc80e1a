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

/** The official client hands text on as it came when the server does not call it JSON: an error page of a proxy, say. */
export function jsonObject(answer: unknown): Record<string, unknown> {
  if (typeof answer === 'object' && answer !== null && !Array.isArray(answer)) return answer as Record<string, unknown>;
  throw new SyntaxError('the answer is no JSON object, or has another content-type than application/json');
}
