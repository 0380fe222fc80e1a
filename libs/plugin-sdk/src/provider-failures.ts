import { ProviderError, type ProviderErrorKind } from './model-provider.js';

/** Whether a thrown value is (in shape, not in class) a ProviderError: a plugin may carry its own copy of the SDK. */
export function isProviderError(value: unknown): value is ProviderError {
  return (
    typeof value === 'object' &&
    value !== null &&
    (value as { name?: unknown }).name === 'ProviderError' &&
    typeof (value as { kind?: unknown }).kind === 'string' &&
    typeof (value as { mayBill?: unknown }).mayBill === 'boolean'
  );
}

/** `Retry-After` in seconds or as a date, or OpenAI's `retry-after-ms`, in milliseconds from now. */
export function retryAfterMs(headers: Headers | undefined, now = Date.now()): number | undefined {
  const exact = Number.parseFloat(headers?.get('retry-after-ms') ?? '');
  if (exact >= 0) return Math.ceil(exact);
  const text = headers?.get('retry-after') ?? '';
  if (/^\s*\d+(\.\d+)?\s*$/.test(text)) return Math.ceil(Number.parseFloat(text) * 1000);
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

function kindOf(status: number): ProviderErrorKind {
  if (status === 401 || status === 402 || status === 403) return 'auth';
  if (status === 404) return 'model_not_found';
  if (status === 408 || status === 504) return 'timeout';
  if (status === 429) return 'rate_limited';
  if (status >= 500) return 'overloaded';
  if (status >= 400) return 'invalid_request';
  return 'unknown';
}

/** "We did not take it": overloaded, also as Anthropic (529) and Cloudflare (521 to 523, the origin was not reached) say it. */
const notTaken = new Set([501, 503, 521, 522, 523, 529]);

/**
 * The error for an answer that is not a success.
 *
 * A 4xx is a refusal before any work, except 408, and what a filter found in a prompt or an answer that was processed:
 * Azure documents that both are charged. Of the 5xx only those count as refusals that say the request was not taken; a
 * 500, 502 or 504 may come after the model has worked, and no provider promises that such a call is free.
 */
export function failureFromStatus(
  status: number,
  message: string,
  options: { headers?: Headers | undefined; code?: string | null | undefined; cause?: unknown } = {},
): ProviderError {
  const filtered = options.code === 'content_filter';
  const retry = retryAfterMs(options.headers);
  return new ProviderError(kindOf(status), message, {
    status,
    ...(retry === undefined ? {} : { retryAfterMs: retry }),
    mayBill: filtered || status === 408 || (status >= 500 && !notTaken.has(status)),
    cause: options.cause,
  });
}

/** No connection came about, so nothing was sent. */
const neverConnected = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EAI_FAIL',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'UND_ERR_CONNECT_TIMEOUT',
  // The request itself could not be written, a header with a line break for example.
  'UND_ERR_INVALID_ARG',
  'CERT_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'ERR_TLS_CERT_ALTNAME_INVALID',
]);
const timedOut = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'ETIMEDOUT']);

interface Fault {
  code?: unknown;
  message?: unknown;
  cause?: unknown;
  errors?: unknown;
}

/** The error and what caused it, down to the socket's own; a name with several addresses fails with one error for each. */
function* faults(error: unknown, depth = 0): Generator<Fault> {
  if (typeof error !== 'object' || error === null || depth > 8) return;
  const fault = error as Fault;
  yield fault;
  yield* faults(fault.cause, depth + 1);
  if (Array.isArray(fault.errors)) for (const inner of fault.errors) yield* faults(inner, depth + 1);
}

/** The error for a request that got no (whole) answer: told from the codes of Node's sockets and its fetch. */
export function failureFromNetwork(error: unknown, what: string): ProviderError {
  const chain = [...faults(error)];
  const codes = chain.map((fault) => fault.code).filter((code): code is string => typeof code === 'string');
  const deepest = chain.findLast((fault) => typeof fault.message === 'string' && fault.message !== '')?.message;
  const said = typeof deepest === 'string' ? deepest : String(error);
  return new ProviderError(codes.some((code) => timedOut.has(code)) ? 'timeout' : 'connection', `${what}: ${said}`, {
    // With several addresses every attempt must have failed to connect.
    mayBill: !(codes.length > 0 && codes.every((code) => neverConnected.has(code))),
    cause: error,
  });
}
