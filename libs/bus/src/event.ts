import { randomUUID } from 'node:crypto';
import { CloudEvent, eventType, invalidRequest, PurserError } from '@purser/contracts';
import type { z } from 'zod';
import { currentTraceparent } from './trace.js';

export interface EventOrigin {
  service: string;
  instance: string;
}

/** Frames data as the CloudEvent that goes over the bus. `id` is the idempotency key (Nats-Msg-Id). */
export function frame(
  contractName: string,
  subject: string,
  data: unknown,
  origin: EventOrigin,
  id: string = randomUUID(),
): CloudEvent {
  const traceparent = currentTraceparent();
  return {
    specversion: '1.0',
    id,
    source: `purser/${origin.service}/${origin.instance}`,
    type: eventType(contractName),
    subject,
    time: new Date().toISOString(),
    datacontenttype: 'application/json',
    ...(traceparent === undefined ? {} : { traceparent }),
    data,
  };
}

export interface Unframed {
  data: unknown;
  event?: CloudEvent;
}

/** Reads a message as other programs may send it: a CloudEvent, or the bare payload. */
export function unframe(text: string, what: string): Unframed {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new PurserError('invalid_request', {
      message: `${what}: not JSON (${(cause as Error).message})`,
      details: { issues: [{ field: '(whole)', problem: 'must be one JSON object' }] },
      cause,
    });
  }
  if (typeof value !== 'object' || value === null || !('specversion' in value)) return { data: value };
  const event = CloudEvent.safeParse(value);
  if (!event.success) throw invalidRequest(`${what}: not a CloudEvent`, event.error);
  return { data: event.data.data, event: event.data };
}

/** Checks data against a contract's schema; the error names each field. */
export function check<Schema extends z.ZodType>(schema: Schema, data: unknown, what: string): z.output<Schema> {
  const parsed = schema.safeParse(data);
  if (!parsed.success) throw invalidRequest(what, parsed.error);
  return parsed.data;
}
