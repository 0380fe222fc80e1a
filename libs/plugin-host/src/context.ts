import type { PluginContext, PluginLogger } from '@purser/plugin-sdk';

/** What pino and Purser's own logger offer. */
export interface ParentLogger {
  child(bindings: Record<string, unknown>): PluginLogger;
}

/** Contexts for plugins: secrets out of `env` as it is when they ask, and log lines under the plugin's name. */
export function pluginContexts(from: {
  env: Readonly<Record<string, string | undefined>>;
  logger: ParentLogger;
  signal: AbortSignal;
}): (name: string) => PluginContext {
  return (name) => ({
    logger: from.logger.child({ plugin: name }),
    // A variable that compose passes on without a value is empty, and means the same as one that is not set.
    secret: (variable) => from.env[variable]?.trim() || undefined,
    signal: from.signal,
  });
}
