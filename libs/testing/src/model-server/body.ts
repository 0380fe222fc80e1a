import type { IncomingMessage } from 'node:http';
import { isObject } from './wire.js';

const maxBody = 64 * 2 ** 20;

/** Undefined when there is more than this server takes. */
export async function readBytes(request: IncomingMessage): Promise<Buffer<ArrayBuffer> | undefined> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > maxBody) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/** Undefined when the body is not a JSON object. */
export async function readJson(request: IncomingMessage): Promise<Record<string, unknown> | undefined> {
  const bytes = await readBytes(request);
  if (!bytes) return undefined;
  try {
    const body: unknown = JSON.parse(bytes.toString() || '{}');
    return isObject(body) ? body : undefined;
  } catch {
    return undefined;
  }
}
