import { definePlugin, PLUGIN_API_VERSION } from '@purser/plugin-sdk';
import { OpenAiCostsConfig } from './config.js';
import { OpenAiCosts } from './openai-costs.source.js';

/** `costSource` for what an organization has cost by OpenAI's own books. */
export default definePlugin({
  name: 'openai-costs',
  apiVersion: PLUGIN_API_VERSION,
  config: OpenAiCostsConfig,
  capabilities: { costSource: (context, config) => new OpenAiCosts(context, config) },
});
