import { Injectable } from '@nestjs/common';
import { invalidRequest } from '@purser/contracts';
import { z } from 'zod';
import { LiveServices } from '../services/live-services.js';
import { readable } from './readable-schema.js';

type JsonSchema = Record<string, unknown>;

/** Runners of one version announce one schema each; beyond this many the oldest is translated anew. */
const MAX_KEPT = 100;

/**
 * Refuses an input that no runner would take, by the schemas that runners announce with their heartbeats. In doubt (no
 * runner that is alive has the executor, or one of them announces no schema for it) the task is taken and waits: its
 * runner checks the input again, with all that JSON Schema cannot say.
 */
@Injectable()
export class ExecutorInputs {
  private readonly checks = new Map<string, z.ZodType | undefined>();

  constructor(private readonly services: LiveServices) {}

  /** @throws PurserError `invalid_request` that names each field as the task has it: `input.argv` */
  check(executor: string, input: unknown): void {
    const announced = new Map(this.services.inputsOf(executor).map((schema) => [JSON.stringify(schema), schema]));
    let refusal: z.ZodError | undefined;
    for (const [text, schema] of announced) {
      const parsed = this.checkOf(text, schema)?.safeParse(input);
      if (parsed?.success !== false) return;
      refusal ??= asField(parsed.error, schema);
    }
    if (refusal) throw invalidRequest(`the executor "${executor}"`, refusal);
  }

  private checkOf(text: string, schema: JsonSchema | undefined): z.ZodType | undefined {
    if (schema === undefined) return undefined;
    if (!this.checks.has(text)) {
      const [oldest] = this.checks.keys();
      if (this.checks.size >= MAX_KEPT && oldest !== undefined) this.checks.delete(oldest);
      this.checks.set(text, translated(schema));
    }
    return this.checks.get(text);
  }
}

/** Undefined for a schema of a kind that is not understood here: then nothing is refused by it. */
function translated(schema: JsonSchema): z.ZodType | undefined {
  try {
    return z.fromJSONSchema(readable(schema));
  } catch {
    return undefined;
  }
}

const asField = (error: z.ZodError, schema: JsonSchema | undefined): z.ZodError =>
  new z.ZodError(
    error.issues.map((issue) => {
      const right = descriptionAt(schema, issue.path);
      const message = right === undefined ? issue.message : `${issue.message}; it is ${right}`;
      return { ...issue, path: ['input', ...issue.path], message };
    }),
  );

/** What the executor's author says of a field, if anything. */
function descriptionAt(schema: unknown, path: readonly PropertyKey[]): string | undefined {
  const { description, properties, items, additionalProperties } = (schema ?? {}) as JsonSchema;
  const [first, ...rest] = path;
  if (first === undefined) return typeof description === 'string' ? description : undefined;
  const below =
    typeof first === 'number' ? items : ((properties as JsonSchema)?.[String(first)] ?? additionalProperties);
  return descriptionAt(below, rest);
}
