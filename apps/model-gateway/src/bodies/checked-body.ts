import { invalidRequest, PurserError } from '@purser/contracts';
import type { z } from 'zod';

/** A body as its schema reads it. Throws `invalid_request`, with the first field that is wrong as `param`. */
export function checkedBody<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  { what, needs }: { what: string; needs: string },
): z.output<Schema> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new PurserError('invalid_request', { message: `the body must be a JSON object with ${needs}` });
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const error = invalidRequest(what, parsed.error);
  error.details.param = parsed.error.issues[0]?.path.join('.') ?? null;
  throw error;
}
