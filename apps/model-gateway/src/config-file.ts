import { readFile } from 'node:fs/promises';
import { invalidRequest, PurserError } from '@purser/contracts';
import type { z } from 'zod';

/** Reads a file of the configuration, or undefined when there is none. One that cannot be used names its field. */
export async function readConfigFile<Schema extends z.ZodType>(
  file: string,
  schema: Schema,
): Promise<z.output<Schema> | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new PurserError('invalid_request', { message: `${file}: ${(cause as Error).message}`, cause });
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new PurserError('invalid_request', { message: `${file} is not JSON: ${(cause as Error).message}`, cause });
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success) throw invalidRequest(file, parsed.error);
  return parsed.data;
}

/** A file's entries without the schema that it points editors to. */
export const withoutSchema = (value: unknown): unknown => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const { $schema: _, ...entries } = value as Record<string, unknown>;
  return entries;
};
