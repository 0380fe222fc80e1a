import { ExecutorInput } from '@purser/contracts';
import { z } from 'zod';

type JsonSchema = Record<string, unknown>;

/** What is looser or stricter in JSON Schema than in zod: flags of patterns, formats, lengths before a text is trimmed. */
const INEXACT = ['pattern', 'format', 'maxLength', 'contentEncoding'];

/** Takes values that the types of what comes out do not show. */
function takesAnything({ _zod: { def } }: z.core.$ZodType): boolean {
  const { type, coerce, in: source } = def as typeof def & { coerce?: boolean; in?: z.core.$ZodType };
  if (type === 'pipe') return source?._zod.def.type === 'transform';
  return coerce === true || type === 'catch' || type === 'transform';
}

/** A field may have to be there by its type, and be made up all the same when it is not. */
function isNeeded({ _zod: { def } }: z.core.$ZodType, name: string): boolean {
  const { shape } = def as typeof def & { shape?: Record<string, z.core.$ZodType> };
  const field = shape?.[name];
  return field !== undefined && !z.safeParse(field, undefined).success;
}

/**
 * JSON Schema of what an executor takes: it may let more pass than the executor does, and refuses nothing that the
 * executor would take. Undefined when there is none, as for a schema that another library made.
 */
export function inputSchema(input: z.ZodType): JsonSchema | undefined {
  try {
    const { $schema: _, ...schema } = z.toJSONSchema(input, {
      io: 'input',
      unrepresentable: 'any',
      override: ({ zodSchema, jsonSchema }) => {
        const drop = takesAnything(zodSchema) ? Object.keys(jsonSchema) : INEXACT;
        for (const name of drop) delete (jsonSchema as JsonSchema)[name];
        if (jsonSchema.required) jsonSchema.required = jsonSchema.required.filter((name) => isNeeded(zodSchema, name));
      },
    }) as JsonSchema;
    return ExecutorInput.safeParse(schema).success ? schema : undefined;
  } catch {
    return undefined;
  }
}
