import type { PluginContext, PluginLogger } from '@purser/plugin-sdk';

/** What pino and Purser's own logger offer. */
export interface ParentLogger {
  child(bindings: Record<string, unknown>): PluginLogger;
}

/** Variables that say where something is. Whoever reads an error must see them. */
const ADDRESS = /(HOST|SERVER|PORT|URL|ENDPOINT)$/i;
/** Except those that whoever knows them may post to. */
const SECRET_ADDRESS = /WEBHOOK_URL$/i;

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
      const shown = ADDRESS.test(variable) && !SECRET_ADDRESS.test(variable);
      if (value !== undefined && !shown) from.hide?.(value);
      return value;
    },
    signal: from.signal,
  });
}
