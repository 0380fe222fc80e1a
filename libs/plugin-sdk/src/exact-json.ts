import { z } from 'zod';

/**
 * Parses JSON, but leaves the numbers under these names as they are written: read as floats, amounts would lose digits.
 * What is a string already stays one, so that a sender may write its amounts either way.
 */
export function parseExactJson(text: string, names: readonly string[]): unknown {
  return JSON.parse(text, (name: string, value: unknown, context?: { source?: string }) =>
    typeof value === 'number' && names.includes(name) ? (context?.source ?? String(value)) : value,
  );
}

/** An answer from somebody's books, checked; the numbers under these names stay as they are written. */
export function readBooks<Schema extends z.ZodType>(
  schema: Schema,
  text: string,
  { amounts, books }: { amounts: readonly string[]; books: string },
): z.output<Schema> {
  let body: unknown;
  try {
    body = parseExactJson(text, amounts);
  } catch (cause) {
    throw new Error(`${books} answered with something else than JSON; is baseUrl right?`, { cause });
  }
  const read = schema.safeParse(body);
  if (!read.success)
    throw new Error(`${books} answered in a form that is not known: ${z.prettifyError(read.error)}`, {
      cause: read.error,
    });
  return read.data;
}
