import { z } from 'zod';
import { type Tool, type ToolContext, ToolError, type ToolResult } from './tool.js';

/** What the model gave, or what is wrong with it. */
export function parseArguments(json: string): Record<string, unknown> {
  if (json.trim() === '') return {};
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw new ToolError(
      `the arguments are not valid JSON (${(error as Error).message}); they began with: ${json.slice(0, 200)}`,
    );
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new ToolError(`the arguments must be a JSON object, not ${json.slice(0, 100)}`);
}

interface Definition<Schema extends z.ZodObject> {
  name: string;
  description: string;
  reads: boolean;
  schema: Schema;
  run: (args: z.output<Schema>, context: ToolContext) => Promise<ToolResult>;
}

/** A built-in tool: its arguments are checked against its schema. */
export function defineTool<Schema extends z.ZodObject>(definition: Definition<Schema>): Tool {
  const { name, description, reads, schema, run } = definition;
  const { $schema: _, ...parameters } = z.toJSONSchema(schema, { io: 'input' });
  return {
    name,
    description,
    reads,
    parameters,
    run: (args, context) => {
      const checked = schema.safeParse(args);
      if (checked.success) return run(checked.data, context);
      const issues = checked.error.issues.map(
        ({ path, message }) => `${path.length === 0 ? 'the arguments' : path.join('.')}: ${message}`,
      );
      return Promise.reject(new ToolError(`wrong arguments: ${issues.join('; ')}`));
    },
  };
}
