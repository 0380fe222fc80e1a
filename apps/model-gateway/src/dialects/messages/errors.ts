import type { ErrorCode, PurserError } from '@purser/contracts';
import type { SseEvent } from '../server-sent-events.js';

/** Anthropic's words for kinds of errors, as its clients know them. */
const TYPES: Partial<Record<ErrorCode, string>> = {
  unauthorized: 'authentication_error',
  forbidden: 'permission_error',
  emergency: 'permission_error',
  not_found: 'not_found_error',
  payload_too_large: 'request_too_large',
  budget_exhausted: 'billing_error',
  budget_held: 'rate_limit_error',
  no_tier: 'overloaded_error',
  unavailable: 'overloaded_error',
  timeout: 'timeout_error',
};

export interface AnthropicError {
  type: 'error';
  error: { type: string; message: string; details: { error_code: string } & Record<string, unknown> };
  request_id: string | null;
}

/** Purser's own code is where Anthropic's clients look for codes: `details.error_code`. */
export function anthropicError(error: PurserError, requestId: string | null = null): AnthropicError {
  const { code, ...details } = error.details;
  return {
    type: 'error',
    error: {
      type: TYPES[error.code] ?? (error.status >= 500 ? 'api_error' : 'invalid_request_error'),
      message: error.message,
      details: { error_code: typeof code === 'string' ? code : error.code, ...details },
    },
    request_id: requestId,
  };
}

export const renderAnthropicError = (
  error: PurserError,
  requestId?: string,
): { status: number; body: AnthropicError } => ({
  status: error.code === 'invalid_request' ? 400 : error.status,
  body: anthropicError(error, requestId),
});

export const anthropicErrorEvent = (error: PurserError): SseEvent => ({
  event: 'error',
  data: JSON.stringify(anthropicError(error)),
});
