export { type ParentLogger, pluginContexts } from './context.js';
export {
  BooksCount,
  type PluginEntries,
  PluginEntry,
  type PluginEntryInput,
  PluginsFile,
  ProviderLimits,
  readPluginEntries,
  RetryPolicy,
} from './entries.js';
export { importModule, type ImportModule } from './import-module.js';
export {
  type CapabilityInstance,
  type CapabilityName,
  type FailedPlugin,
  inspectPlugins,
  type LoadedPlugin,
  loadPlugins,
  type LoadPluginsOptions,
  pluginNames,
} from './load-plugins.js';
