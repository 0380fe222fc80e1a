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
  // Plugins ask for every call, and variables hardly ever change.
  const known = new Map<string, { raw: string | undefined; value: string | undefined }>();
  const secret = (variable: string): string | undefined => {
    const raw = from.env[variable];
    const before = known.get(variable);
    if (before && before.raw === raw) return before.value;
    // A variable that compose passes on without a value is empty, and means the same as one that is not set.
    const value = raw?.trim() || undefined;
    const shown = ADDRESS.test(variable) && !SECRET_ADDRESS.test(variable);
    if (value !== undefined && !shown) from.hide?.(value);
    known.set(variable, { raw, value });
    return value;
  };
  return (name) => ({ logger: from.logger.child({ plugin: name }), secret, signal: from.signal });
}
