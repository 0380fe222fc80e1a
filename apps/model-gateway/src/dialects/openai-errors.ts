import type { ErrorCode, PurserError } from '@purser/contracts';

/** OpenAI's words for kinds of errors, as its clients know them. */
const TYPES: Partial<Record<ErrorCode, string>> = {
  invalid_request: 'invalid_request_error',
  unsupported_parameter: 'invalid_request_error',
  payload_too_large: 'invalid_request_error',
  not_found: 'invalid_request_error',
  unauthorized: 'authentication_error',
  forbidden: 'permission_error',
  emergency: 'permission_error',
  budget_exhausted: 'insufficient_quota',
  budget_held: 'rate_limit_error',
  rate_limited: 'rate_limit_error',
};

export interface OpenAiError {
  error: { message: string; type: string; param: string | null; code: string; details?: Record<string, unknown> };
}

/** A code of Purser's, or one that OpenAI's clients look for, in `details.code`. */
export function openAiError(error: PurserError): OpenAiError {
  const { param, code, ...details } = error.details;
  return {
    error: {
      message: error.message,
      type: TYPES[error.code] ?? 'api_error',
      param: typeof param === 'string' ? param : null,
      code: typeof code === 'string' ? code : error.code,
      ...(Object.keys(details).length > 0 ? { details } : {}),
    },
  };
}

/** On these paths a wrong request is a 400, as OpenAI's clients expect. */
export const renderOpenAiError = (error: PurserError): { status: number; body: OpenAiError } => ({
  status: error.code === 'invalid_request' ? 400 : error.status,
  body: openAiError(error),
});
