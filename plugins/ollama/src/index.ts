import { definePlugin, PLUGIN_API_VERSION } from '@purser/plugin-sdk';
import { OllamaConfig } from './config.js';
import { OllamaProvider } from './ollama.provider.js';

/** `modelProvider` for models on this machine or a neighbour's, served by Ollama: the usual last, free rung of a ladder. */
export default definePlugin({
  name: 'ollama',
  apiVersion: PLUGIN_API_VERSION,
  config: OllamaConfig,
  capabilities: { modelProvider: (context, config) => new OllamaProvider(context, config) },
});
