import { failureFromNetwork, failureFromStatus, ProviderError } from '@purser/plugin-sdk';
import { seconds } from './recognition.js';

interface Detail {
  reason?: string;
  retryDelay?: string;
}

/** `{"error": {"code", "message", "status", "details"}}`. A wrong API key is told with status 400. */
export function refusal(status: number, text: string, headers: Headers): ProviderError {
  let said: { message?: string; details?: Detail[] } | undefined;
  try {
    said = (JSON.parse(text) as { error?: typeof said }).error;
  } catch {
    // Not JSON: the text itself says what there is to say.
  }
  const message = said?.message ?? (text.slice(0, 1000) || `status ${status}`);
  const error = failureFromStatus(status, message, { headers });
  const details = said?.details ?? [];
  const badKey = details.some(({ reason }) => reason?.startsWith('API_KEY_'));
  const delay = details.map(({ retryDelay }) => seconds(retryDelay)).find((value) => value !== undefined);
  const retryAfterMs = error.retryAfterMs ?? (delay === undefined ? undefined : Math.ceil(delay * 1000));
  return new ProviderError(badKey ? 'auth' : error.kind, message, {
    status,
    mayBill: error.mayBill,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

/** One request for JSON; rejects with a ProviderError. */
export async function ask<Answer>(url: string, init: RequestInit & { signal: AbortSignal }): Promise<Answer> {
  const { signal } = init;
  const { origin } = new URL(url);
  try {
    const response = await fetch(url, init);
    const text = await response.text();
    if (!response.ok) throw refusal(response.status, text, response.headers);
    return JSON.parse(text === '' ? '{}' : text) as Answer;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof ProviderError) throw error;
    if (error instanceof SyntaxError)
      throw new ProviderError('unknown', `${origin}: ${error.message}`, { mayBill: true, cause: error });
    throw failureFromNetwork(error, origin);
  }
}

export const json = (headers: Record<string, string>, body: unknown) => ({
  method: 'POST',
  headers: { ...headers, 'content-type': 'application/json; charset=utf-8' },
  body: JSON.stringify(body),
});
