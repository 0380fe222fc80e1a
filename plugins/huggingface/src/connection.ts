import { InferenceClient } from '@huggingface/inference';
import { failureFromNetwork, failureFromStatus, fillingFetch, ProviderError, type SetAside } from '@purser/plugin-sdk';
import type { Endpoint } from './endpoint.js';

interface Refusal {
  message: string;
  /** Seconds until a model that is being loaded may be there. */
  estimated: number | undefined;
}

async function refusal(response: Response): Promise<Refusal> {
  const text = await response.text().catch(() => '');
  const plain = { message: text.slice(0, 1000) || `status ${response.status}`, estimated: undefined };
  try {
    const body = JSON.parse(text) as Record<string, unknown> | null;
    const nested = (body?.error as { message?: unknown } | null | undefined)?.message;
    const said = [body?.error, nested, body?.message, body?.detail].find((value) => typeof value === 'string');
    const estimated = typeof body?.estimated_time === 'number' ? body.estimated_time : undefined;
    return { message: said ?? plain.message, estimated };
  } catch {
    return plain;
  }
}

async function refused(response: Response): Promise<ProviderError> {
  const { status, headers } = response;
  const { message, estimated } = await refusal(response);
  const told =
    status === 402
      ? `${message} (see https://huggingface.co/settings/billing; nothing was charged for this call)`
      : message;
  const error = failureFromStatus(status, told, { headers });
  if (error.retryAfterMs !== undefined || estimated === undefined) return error;
  const { kind, mayBill } = error;
  return new ProviderError(kind, told, { status, mayBill, retryAfterMs: Math.ceil(estimated * 1000) });
}

/** What the client keeps to itself of an answer: usage is in the body of a text and in the headers of an embedding. */
export interface Seen {
  headers?: Headers;
  body?: unknown;
}

/**
 * A client for one call. The official one repeats a call that is answered with 503, drops the headers of a refusal and
 * all of an answer but its text, and leaves a stream open that nobody reads any more; so each call brings its own
 * signal, and refusals are turned into our errors before the client sees them.
 */
export function connect(
  at: Endpoint,
  signal: AbortSignal,
  billTo: string | undefined,
  setAside?: SetAside,
): { client: InferenceClient; seen: Seen } {
  const seen: Seen = {};
  const send = fillingFetch(setAside);
  const fetchOnce: typeof fetch = async (input, init = {}) => {
    let response: Response;
    try {
      response = await send(input, { ...init, signal });
      seen.headers = response.headers;
      if (!response.ok) throw await refused(response);
      const type = response.headers.get('content-type') ?? '';
      if (!type.startsWith('application/json')) return response;
      const text = await response.text();
      seen.body = JSON.parse(text);
      return new Response(text, { headers: { 'content-type': type } });
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof ProviderError) throw error;
      if (error instanceof SyntaxError)
        throw new ProviderError('unknown', `${at.shown}: ${error.message}`, { mayBill: true, cause: error });
      throw failureFromNetwork(error, at.shown);
    }
  };
  const options = { fetch: fetchOnce, retry_on_error: false, ...(billTo === undefined ? {} : { billTo }) };
  return { client: new InferenceClient(at.key ?? '', options), seen };
}
