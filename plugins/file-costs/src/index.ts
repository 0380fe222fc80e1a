import { definePlugin, PLUGIN_API_VERSION } from '@purser/plugin-sdk';
import { FileCostsConfig } from './config.js';
import { FileCostsSource } from './file-costs.source.js';

/**
 * `costSource` for exports: FOCUS 1.x, or any CSV whose columns are named.
 *
 * ```json
 * {"use": "@purser/file-costs", "name": "azure-export", "config": {"path": "/var/exports/azure", "provider": "azure"}}
 * ```
 */
export default definePlugin({
  name: 'file-costs',
  apiVersion: PLUGIN_API_VERSION,
  config: FileCostsConfig,
  capabilities: { costSource: (_context, config) => new FileCostsSource(config) },
});
