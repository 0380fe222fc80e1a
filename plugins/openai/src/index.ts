import { definePlugin, PLUGIN_API_VERSION } from '@purser/plugin-sdk';
import { OpenAiConfig } from './config.js';
import { OpenAiProvider } from './openai.provider.js';

/**
 * `modelProvider` for OpenAI and everything that speaks its protocol (OpenRouter, vLLM, llama.cpp, LM Studio, Mistral,
 * Groq, ...). It may be configured several times under different names:
 *
 * ```json
 * {"use": "@purser/openai", "name": "openrouter",
 *  "config": {"baseUrl": "https://openrouter.ai/api/v1", "apiKeyEnv": "OPENROUTER_API_KEY"}}
 * ```
 */
export default definePlugin({
  name: 'openai',
  apiVersion: PLUGIN_API_VERSION,
  config: OpenAiConfig,
  capabilities: { modelProvider: (context, config) => new OpenAiProvider(context, config) },
});
