import type { PurserError } from '@purser/contracts';
import type { FailedRequest } from '@purser/service';
import { renderAnthropicError } from '../dialects/messages/errors.js';
import { renderOpenAiError } from '../dialects/openai-errors.js';
import { speaksAnthropic } from './anthropic-clients.js';

/** Errors that no endpoint saw: an unknown path, a body that is too large. */
export const renderError = (error: PurserError, request: FailedRequest): { status: number; body: object } =>
  speaksAnthropic(request) ? renderAnthropicError(error) : renderOpenAiError(error);
