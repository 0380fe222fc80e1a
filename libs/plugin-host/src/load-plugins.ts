import { invalidRequest, isPurserError, Token } from '@purser/contracts';
import { type Capabilities, isPlugin, type Plugin, PLUGIN_API_VERSION, type PluginContext } from '@purser/plugin-sdk';
import type { PluginEntry } from './entries.js';
import { importModule, type ImportModule } from './import-module.js';

export type CapabilityName = keyof Capabilities<unknown>;
export type CapabilityInstance<Name extends CapabilityName> = ReturnType<NonNullable<Capabilities<unknown>[Name]>>;

export interface LoadedPlugin<Name extends CapabilityName> {
  /** The entry's name, or the plugin's own. */
  name: string;
  use: string;
  entry: PluginEntry;
  plugin: Plugin;
  instance: CapabilityInstance<Name>;
}

export interface FailedPlugin {
  /** Undefined when the entry has none and the plugin could not be loaded to ask it. */
  name: string | undefined;
  use: string;
  /** What is wrong, and what to do about it. */
  reason: string;
}

export interface LoadPluginsOptions<Name extends CapabilityName> {
  entries: readonly PluginEntry[];
  resolveFrom: string;
  capability: Name;
  contextFor: (name: string) => PluginContext;
  /** For each plugin; standard: 10,000. */
  timeoutMs?: number;
  importModule?: ImportModule;
}

/** What an instance must have, so that a plugin that lacks it is told at the start and not at its first call. */
const members: Record<CapabilityName, readonly string[]> = {
  modelProvider: ['check'],
  executor: ['run'],
  costSource: ['read'],
  notifier: ['send'],
  compute: ['check', 'zones', 'machineTypes', 'create', 'list', 'get', 'delete'],
};

/** Members of which at least one group must be there, whole. */
const oneOf: Partial<Record<CapabilityName, readonly (readonly string[])[]>> = {
  modelProvider: [['chat', 'streamChat'], ['embed'], ['generateImages'], ['transcribe']],
};

function lackingIn(instance: unknown, capability: CapabilityName): string[] {
  const has = (name: string) => typeof (instance as Record<string, unknown> | null)?.[name] === 'function';
  const missing = members[capability].filter((name) => !has(name));
  const groups = oneOf[capability] ?? [];
  const half = groups.find((group) => group.some(has) && !group.every(has));
  if (half) return [...missing, ...half.filter((name) => !has(name))];
  return groups.length > 0 && !groups.some((group) => group.every(has)) ? [...missing, ...(groups[0] ?? [])] : missing;
}

async function bounded<T>(ms: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it did not load within ${ms / 1000} s`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The default export; under a loader for CommonJS it may be wrapped once more. */
function pluginIn(module: unknown): Plugin {
  const first = (module as { default?: unknown } | null)?.default;
  const second = (first as { default?: unknown } | null | undefined)?.default;
  const plugin = [first, second, module].find((value) => isPlugin(value));
  if (!plugin) throw new Error('its default export is not a plugin; export default definePlugin({...})');
  const version: unknown = plugin.apiVersion;
  if (version !== PLUGIN_API_VERSION)
    throw new Error(
      `it is made for version ${String(version)} of the plugin API and this Purser has ${PLUGIN_API_VERSION}; ` +
        (Number(version) > PLUGIN_API_VERSION ? 'update Purser' : 'update the plugin'),
    );
  if (!Token.safeParse(plugin.name).success)
    throw new Error(`its name ${JSON.stringify(plugin.name)} is not made of letters, digits, "-" or "_"`);
  if (typeof plugin.config?.safeParse !== 'function' || typeof plugin.capabilities !== 'object')
    throw new Error('it lacks a zod schema as "config", or "capabilities"');
  return plugin;
}

function instantiate<Name extends CapabilityName>(
  plugin: Plugin,
  capability: Name,
  context: PluginContext,
  config: unknown,
): CapabilityInstance<Name> {
  const checked = plugin.config.safeParse(config);
  if (!checked.success) throw invalidRequest('its config', checked.error);
  const instance = plugin.capabilities[capability]?.(context, checked.data);
  const lacking = lackingIn(instance, capability);
  if (lacking.length > 0) throw new Error(`its ${capability} lacks ${lacking.map((name) => `${name}()`).join(', ')}`);
  return instance as CapabilityInstance<Name>;
}

const reasonOf = (error: unknown): string => {
  if (isPurserError(error)) return error.message;
  const message = (error as { message?: unknown } | null)?.message;
  return typeof message === 'string' && message !== '' ? message : String(error);
};

/** What entries with a capability are called; one that cannot be loaded counts by the name that it was given. */
export async function pluginNames(
  options: Pick<LoadPluginsOptions<CapabilityName>, 'entries' | 'resolveFrom' | 'capability'>,
): Promise<string[]> {
  const names = options.entries.map(async ({ use, name }) => {
    try {
      const plugin = pluginIn(await bounded(10_000, importModule(use, options.resolveFrom)));
      return plugin.capabilities[options.capability] ? (name ?? plugin.name) : undefined;
    } catch {
      return name;
    }
  });
  return (await Promise.all(names)).filter((name) => name !== undefined);
}

/** Loads every entry and checks its configuration, whatever the plugin can do; makes no instance. @returns what is wrong */
export async function inspectPlugins(
  options: Pick<LoadPluginsOptions<CapabilityName>, 'entries' | 'resolveFrom' | 'timeoutMs' | 'importModule'>,
): Promise<FailedPlugin[]> {
  const { resolveFrom, timeoutMs = 10_000, importModule: load = importModule } = options;
  const inspected = await Promise.all(
    options.entries.map(async ({ use, name, config }): Promise<FailedPlugin | undefined> => {
      try {
        const plugin = pluginIn(await bounded(timeoutMs, load(use, resolveFrom)));
        const checked = plugin.config.safeParse(config);
        return checked.success ? undefined : { name, use, reason: invalidRequest('its config', checked.error).message };
      } catch (error) {
        return { name, use, reason: reasonOf(error) };
      }
    }),
  );
  return inspected.filter((one) => one !== undefined);
}

/**
 * Loads every entry and makes the instances of those that have the capability; entries for other capabilities are
 * passed over. A plugin that cannot be loaded is reported and stops nobody else.
 */
export async function loadPlugins<Name extends CapabilityName>(
  options: LoadPluginsOptions<Name>,
): Promise<{ loaded: LoadedPlugin<Name>[]; failed: FailedPlugin[] }> {
  const { capability, contextFor, resolveFrom, timeoutMs = 10_000 } = options;
  const load = options.importModule ?? importModule;
  const imports = await Promise.allSettled(
    options.entries.map(async ({ use }) => pluginIn(await bounded(timeoutMs, load(use, resolveFrom)))),
  );
  const loaded: LoadedPlugin<Name>[] = [];
  const failed: FailedPlugin[] = [];
  const taken = new Map<string, string>();
  for (const [index, entry] of options.entries.entries()) {
    const { use, name: wanted, config } = entry;
    const result = imports[index];
    if (result?.status !== 'fulfilled') {
      failed.push({ name: wanted, use, reason: reasonOf(result?.reason) });
      continue;
    }
    const plugin = result.value;
    if (!plugin.capabilities[capability]) continue;
    const name = wanted ?? plugin.name;
    try {
      const other = taken.get(name);
      if (other !== undefined)
        throw new Error(`the name "${name}" is taken by ${other}; give one of them another "name"`);
      taken.set(name, use);
      loaded.push({ name, use, entry, plugin, instance: instantiate(plugin, capability, contextFor(name), config) });
    } catch (error) {
      failed.push({ name, use, reason: reasonOf(error) });
    }
  }
  return { loaded, failed };
}
