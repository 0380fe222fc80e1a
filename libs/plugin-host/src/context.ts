import type { PluginContext, PluginLogger } from '@purser/plugin-sdk';

/** What pino and Purser's own logger offer. */
export interface ParentLogger {
  child(bindings: Record<string, unknown>): PluginLogger;
}

/** Variables that say where something is. Whoever reads an error must see them. */
const ADDRESS = /(HOST|URL|ENDPOINT)$/i;

/** Contexts for plugins: secrets out of `env` as it is when they ask, and log lines under the plugin's name. */
export function pluginContexts(from: {
  env: Readonly<Record<string, string | undefined>>;
  logger: ParentLogger;
  signal: AbortSignal;
  /** Told each secret that a plugin gets. */
  hide?: (secret: string) => void;
}): (name: string) => PluginContext {
  return (name) => ({
    logger: from.logger.child({ plugin: name }),
    // A variable that compose passes on without a value is empty, and means the same as one that is not set.
    secret: (variable) => {
      const value = from.env[variable]?.trim() || undefined;
      if (value !== undefined && !ADDRESS.test(variable)) from.hide?.(value);
      return value;
    },
    signal: from.signal,
  });
}
