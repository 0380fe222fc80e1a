import { type ErrorCode, PurserError } from '@purser/contracts';
import { renderAnthropicError } from './errors.js';

it.each<[ErrorCode, number, string]>([
  ['invalid_request', 400, 'invalid_request_error'],
  ['unsupported_parameter', 400, 'invalid_request_error'],
  ['unauthorized', 401, 'authentication_error'],
  ['budget_exhausted', 402, 'billing_error'],
  ['forbidden', 403, 'permission_error'],
  ['emergency', 403, 'permission_error'],
  ['not_found', 404, 'not_found_error'],
  ['payload_too_large', 413, 'request_too_large'],
  ['budget_held', 429, 'rate_limit_error'],
  ['internal', 500, 'api_error'],
  ['provider_failed', 502, 'api_error'],
  ['no_tier', 503, 'overloaded_error'],
  ['unavailable', 503, 'overloaded_error'],
  ['timeout', 504, 'timeout_error'],
])('says %s as %d %s', (code, status, type) => {
  const error = new PurserError(code, { message: 'so it is', details: { param: 'p', code: 'more_exactly' } });
  expect(renderAnthropicError(error, 'call-1')).toEqual({
    status,
    body: {
      type: 'error',
      error: { type, message: 'so it is', details: { error_code: 'more_exactly', param: 'p' } },
      request_id: 'call-1',
    },
  });
});
