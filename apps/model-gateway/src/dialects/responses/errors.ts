import type { PurserError } from '@purser/contracts';
import { openAiError } from '../openai-errors.js';
import type { SseEvent } from '../server-sent-events.js';

/** After all others; how many of them there were is not known where the error is told. Fits into 32 bits, which some clients use. */
const LAST = 2_147_483_647;

/** OpenAI documents its fields on the event itself, and sends them within `error` too: clients look in either place. */
export function errorEvent(failed: PurserError): SseEvent {
  const { error } = openAiError(failed);
  const { code, message, param } = error;
  return {
    event: 'error',
    data: JSON.stringify({ type: 'error', code, message, param, sequence_number: LAST, error }),
  };
}
