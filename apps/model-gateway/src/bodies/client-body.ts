import { PurserError } from '@purser/contracts';
import { LongTexts } from './long-texts.js';

/** A JSON body as a client sent it. */
export interface ClientBody {
  /** Long strings of it are marks; see LongTexts. */
  value: unknown;
  /** All of it, as it was sent. */
  bytes: number;
  longTexts: LongTexts;
}

/** Of the bytes that came; whatever else a request had for a body is refused. */
export function parseBody(json: unknown): ClientBody {
  if (!Buffer.isBuffer(json))
    throw new PurserError('invalid_request', { message: 'the body must be JSON, sent as application/json' });
  const taken = LongTexts.takeFrom(json);
  try {
    return { value: JSON.parse(taken.json.toString()), bytes: json.length, longTexts: taken.longTexts };
  } catch (cause) {
    throw new PurserError('invalid_request', {
      message: `the body is not JSON: ${(cause as Error).message.slice(0, 200)}`,
      cause,
    });
  }
}

/** For calls that come as objects already, over the bus. */
export const bodyOf = (value: object): ClientBody => ({
  value,
  bytes: Buffer.byteLength(JSON.stringify(value)),
  longTexts: LongTexts.none,
});
