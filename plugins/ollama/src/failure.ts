import { failureFromNetwork, isProviderError, ProviderError } from '@purser/plugin-sdk';

/** A plain Error is an `{"error": ...}` line in a stream, passed on by the client; the socket's own errors are others. */
export function lineOfError(error: unknown): string | undefined {
  const plain = error instanceof Error && error.constructor === Error && error.cause === undefined;
  return plain ? error.message : undefined;
}

/** What failed, as Purser tells failures; of a model that is missing also how to get it. */
export function failure(error: unknown, host: string, model: string): ProviderError {
  if (isProviderError(error)) {
    const { kind, status, mayBill } = error;
    if (kind !== 'model_not_found') return error;
    const message = `Ollama at ${host} has no model "${model}"; fetch it with "ollama pull ${model}"`;
    return new ProviderError(kind, message, { ...(status === undefined ? {} : { status }), mayBill, cause: error });
  }
  const told = lineOfError(error);
  if (told !== undefined) return new ProviderError('overloaded', told, { mayBill: true, cause: error });
  return failureFromNetwork(error, host);
}
