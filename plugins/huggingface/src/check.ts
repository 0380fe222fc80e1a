import type { ProviderCheck } from '@purser/plugin-sdk';
import type { HuggingFaceConfig } from './config.js';
import { type Endpoint, tokenAdvice } from './endpoint.js';

/** Below the 3 s that a check may take. */
const checkMs = 2500;

/**
 * Whether calls can be made now. Models are not named: the router lists those for chat alone, and each of them is also
 * known by its name with a provider or a policy behind it (`:groq`, `:cheapest`).
 */
export async function lookAt(
  at: Endpoint,
  { dedicated }: HuggingFaceConfig,
  signal: AbortSignal,
): Promise<ProviderCheck> {
  if (at.keyRequired && at.key === undefined)
    return { available: false, reason: `${at.keyName} is not set; ${tokenAdvice(at)}` };
  // Asking an Inference Endpoint would keep it awake, and it is billed for as long as it is.
  if (at.sleeps) return { available: true };
  const limit = AbortSignal.timeout(checkMs);
  let response: Response;
  try {
    response = await fetch(`${at.baseUrl}${dedicated ? '/health' : '/v1/models'}`, {
      headers: at.key === undefined ? {} : { authorization: `Bearer ${at.key}` },
      signal: AbortSignal.any([signal, limit]),
    });
    await response.body?.cancel();
  } catch (error) {
    signal.throwIfAborted();
    if (limit.aborted) return { available: false, reason: `${at.shown} did not answer within ${checkMs / 1000} s` };
    const { cause, message } = error as Error;
    return {
      available: false,
      reason: `cannot reach ${at.shown}: ${(cause as Error | undefined)?.message ?? message}`,
    };
  }
  const { status } = response;
  if (status === 401 || status === 403) {
    const what = at.key === undefined ? 'calls without a token' : `the token in ${at.keyName}`;
    return { available: false, reason: `${at.shown} refuses ${what} (${status}); ${tokenAdvice(at)}` };
  }
  if (status >= 500) return { available: false, reason: `${at.shown} answers ${status}` };
  return { available: true };
}
