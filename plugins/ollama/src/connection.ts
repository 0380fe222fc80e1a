import { failureFromNetwork, failureFromStatus, fillingFetch, type SetAside } from '@purser/plugin-sdk';
import { Ollama } from 'ollama';

/** `0.0.0.0`, which many set for the server to listen on, is no address to call. */
export function hostToCall(host: string): string {
  return host.replace(/^((?:https?:\/\/)?)0\.0\.0\.0(?=[:/]|$)/, '$1127.0.0.1');
}

async function refusal(response: Response): Promise<string> {
  const text = await response.text().catch(() => '');
  try {
    const { error } = JSON.parse(text) as { error?: unknown };
    if (typeof error === 'string') return error;
  } catch {
    // Not JSON: the text itself says what there is to say.
  }
  return text.slice(0, 1000) || `status ${response.status}`;
}

/**
 * A client for one call. The official one cannot abort a call that is not a stream, aborts all its streams together,
 * drops the headers of a refusal and prints to the console; so each call brings its own signal, and refusals are
 * turned into our errors before the client sees them.
 */
export function connect(host: string, signal: AbortSignal, setAside?: SetAside): Ollama {
  const send = fillingFetch(setAside);
  const fetchOnce: typeof fetch = async (input, init = {}) => {
    let response: Response;
    try {
      const own = init.signal ? [init.signal] : [];
      response = await send(input, { ...init, signal: AbortSignal.any([signal, ...own]) });
    } catch (error) {
      signal.throwIfAborted();
      throw failureFromNetwork(error, host);
    }
    if (!response.ok) {
      throw failureFromStatus(response.status, await refusal(response), { headers: response.headers });
    }
    return response;
  };
  return new Ollama({ host, fetch: fetchOnce });
}
