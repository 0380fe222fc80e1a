import { PluginsFile } from '@purser/plugin-host';
import { z } from 'zod';
import { ModelsFile } from './models-file.js';

type JsonSchema = Record<string, unknown>;

/** JSON Schema of `config/models.json`, for editors. */
export function modelsFileSchema(): JsonSchema {
  const { propertyNames, ...schema } = z.toJSONSchema(ModelsFile, { io: 'input' }) as JsonSchema;
  return {
    ...schema,
    title: 'Ladders of models: capability -> tier -> model',
    properties: { $schema: { type: 'string' } },
    propertyNames: { anyOf: [{ const: '$schema' }, propertyNames] },
  };
}

/** JSON Schema of `config/plugins.json`. */
export const pluginsFileSchema = (): JsonSchema => ({
  ...z.toJSONSchema(PluginsFile, { io: 'input' }),
  title: 'Plugins that are loaded, and their settings',
});
