import type { PurserError } from '@purser/contracts';
import { renderOpenAiError } from '../dialects/openai-errors.js';

/** Errors that no endpoint saw: an unknown path, a body that is too large. */
export const renderError = (error: PurserError): { status: number; body: object } => renderOpenAiError(error);
