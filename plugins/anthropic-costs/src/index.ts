import { definePlugin, PLUGIN_API_VERSION } from '@purser/plugin-sdk';
import { AnthropicCosts } from './anthropic-costs.source.js';
import { AnthropicCostsConfig } from './config.js';

/** `costSource` for what an organization has cost by Anthropic's own books. */
export default definePlugin({
  name: 'anthropic-costs',
  apiVersion: PLUGIN_API_VERSION,
  config: AnthropicCostsConfig,
  capabilities: { costSource: (context, config) => new AnthropicCosts(context, config) },
});
