import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { invalidRequest, Label, LabelLimit, PurserError } from '@purser/contracts';
import { z } from 'zod';

const LabelsFile = z.record(Label, LabelLimit);
type LabelsFile = z.output<typeof LabelsFile>;

/** Reads config/labels.json; undefined when there is none. The error names the field and what would be right. */
export async function loadLabelsFile(configDir: string): Promise<LabelsFile | undefined> {
  const path = join(configDir, 'labels.json');
  try {
    return parseLabelsFile(await readFile(path, 'utf8'), path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    if (cause instanceof PurserError) throw cause;
    throw new PurserError('invalid_request', { message: `${path} cannot be read: ${(cause as Error).message}`, cause });
  }
}

export function parseLabelsFile(text: string, path: string): LabelsFile {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new PurserError('invalid_request', { message: `${path} is not JSON: ${(cause as Error).message}`, cause });
  }
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  const { $schema: _, ...labels } = (isObject ? value : { '': value }) as Record<string, unknown>;
  const parsed = LabelsFile.safeParse(isObject ? labels : value);
  if (!parsed.success) throw invalidRequest(path, parsed.error);
  return parsed.data;
}

/** For editors: what may stand in config/labels.json. */
export const labelsFileSchema = (): Record<string, unknown> => ({
  title: 'What tasks with a label may take together',
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  properties: { $schema: { type: 'string' } },
  additionalProperties: {
    ...z.toJSONSchema(LabelLimit, { io: 'input', reused: 'inline' }),
    $schema: undefined,
    minProperties: 1,
    description: 'By label: so many sessions at once, so many beginnings within any 60 seconds',
  },
});
