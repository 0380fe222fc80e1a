import type { z } from 'zod';
import type { ComputeDriver } from './compute-driver.js';
import type { CostSource } from './cost-source.js';
import type { Executor } from './executor.js';
import type { ModelProvider } from './model-provider.js';
import type { Notifier } from './notifier.js';

export const PLUGIN_API_VERSION = 1;

const brand = Symbol.for('purser.plugin');

export interface PluginLogger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** All that a plugin gets of Purser: no Nest, no database, no bus. */
export interface PluginContext {
  logger: PluginLogger;
  /** A secret by the name of its environment variable; undefined when it is not set. Read it at every call, it may be rotated. */
  secret(name: string): string | undefined;
  /** Aborted when the service shuts down. */
  signal: AbortSignal;
}

/** What a plugin may provide; each factory is called once, with the checked configuration. */
export interface Capabilities<Config> {
  modelProvider?: (context: PluginContext, config: Config) => ModelProvider;
  executor?: (context: PluginContext, config: Config) => Executor;
  costSource?: (context: PluginContext, config: Config) => CostSource;
  notifier?: (context: PluginContext, config: Config) => Notifier;
  compute?: (context: PluginContext, config: Config) => ComputeDriver;
}

export interface PluginDefinition<ConfigSchema extends z.ZodType> {
  /** How configuration and task specs name it; one token. */
  name: string;
  apiVersion: typeof PLUGIN_API_VERSION;
  config: ConfigSchema;
  capabilities: Capabilities<z.output<ConfigSchema>>;
}

export type Plugin<ConfigSchema extends z.ZodType = z.ZodType> = Readonly<PluginDefinition<ConfigSchema>>;

/** Marks an object as a plugin. A plugin's entry exports the result as its default. */
export function definePlugin<ConfigSchema extends z.ZodType>(
  definition: PluginDefinition<ConfigSchema>,
): Plugin<ConfigSchema> {
  return Object.freeze({ ...definition, [brand]: true });
}

/** By a registered symbol, so that a plugin built against another copy of the SDK is still recognised. */
export function isPlugin(value: unknown): value is Plugin {
  return typeof value === 'object' && value !== null && (value as Record<symbol, unknown>)[brand] === true;
}
