import { PurserError } from '@purser/contracts';
import { LongTexts } from './long-texts.js';
import { othersFirst } from './others-first.js';

/** A JSON body as a client sent it. */
export interface ClientBody {
  /** Long strings of it are marks; see LongTexts. */
  value: unknown;
  /** All of it, as it was sent. */
  bytes: number;
  longTexts: LongTexts;
}

/** Of the bytes that came; whatever else a request had for a body is refused. At once, unless the body is large. */
export function parseBody(json: unknown): ClientBody | Promise<ClientBody> {
  if (!Buffer.isBuffer(json))
    throw new PurserError('invalid_request', { message: 'the body must be JSON, sent as application/json' });
  const pause = othersFirst(json.length);
  return pause ? pause.then(() => parseLarge(json)) : parse(LongTexts.takeFrom(json), json.length);
}

async function parseLarge(json: Buffer): Promise<ClientBody> {
  const taken = LongTexts.takeFrom(json);
  await othersFirst(taken.json.length);
  const body = parse(taken, json.length);
  await othersFirst(taken.json.length);
  return body;
}

function parse({ json, longTexts }: ReturnType<typeof LongTexts.takeFrom>, bytes: number): ClientBody {
  try {
    return { value: JSON.parse(json.toString()), bytes, longTexts };
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
