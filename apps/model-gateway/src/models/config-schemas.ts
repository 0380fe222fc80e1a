import { PluginsFile } from '@purser/plugin-host';
import { z } from 'zod';
import { PricesFile } from '../prices/prices-file.js';
import { ModelsFile } from './models-file.js';
import { StrategySetting } from './strategies.js';

type JsonSchema = Record<string, unknown>;

/** Of a file of named entries, for editors. */
function entriesSchema(entries: z.ZodType, title: string, settings: JsonSchema = {}): JsonSchema {
  const properties: JsonSchema = { $schema: { type: 'string' }, ...settings };
  const { propertyNames, ...schema } = z.toJSONSchema(entries, { io: 'input' }) as JsonSchema;
  return {
    ...schema,
    title,
    properties,
    propertyNames: { anyOf: [...Object.keys(properties).map((name) => ({ const: name })), propertyNames] },
  };
}

/** JSON Schema of `config/models.json`. */
export const modelsFileSchema = (): JsonSchema =>
  entriesSchema(ModelsFile, 'Ladders of models: capability -> tier -> model', { $strategy: strategySchema() });

function strategySchema(): JsonSchema {
  const { $schema: _, ...schema } = z.toJSONSchema(StrategySetting, { io: 'input' }) as JsonSchema;
  return schema;
}

/** JSON Schema of `config/prices.json`. */
export const pricesFileSchema = (): JsonSchema => entriesSchema(PricesFile, 'Prices: provider/model -> what it costs');

/** JSON Schema of `config/plugins.json`. */
export const pluginsFileSchema = (): JsonSchema => ({
  ...z.toJSONSchema(PluginsFile, { io: 'input' }),
  title: 'Plugins that are loaded, and their settings',
});
