import { definePlugin, PLUGIN_API_VERSION } from '@purser/plugin-sdk';
import { AnthropicProvider } from './anthropic.provider.js';
import { AnthropicConfig } from './config.js';

/**
 * `modelProvider` for Claude, and for every server that speaks Anthropic's messages. It may be configured several times
 * under different names:
 *
 * ```json
 * {"use": "@purser/anthropic", "name": "claude-proxy",
 *  "config": {"baseUrl": "http://127.0.0.1:4000", "apiKeyEnv": "PROXY_KEY"}}
 * ```
 */
export default definePlugin({
  name: 'anthropic',
  apiVersion: PLUGIN_API_VERSION,
  config: AnthropicConfig,
  capabilities: { modelProvider: (context, config) => new AnthropicProvider(context, config) },
});
