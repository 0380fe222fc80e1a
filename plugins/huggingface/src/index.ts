import { definePlugin, PLUGIN_API_VERSION } from '@purser/plugin-sdk';
import { HuggingFaceConfig } from './config.js';
import { HuggingFaceProvider } from './huggingface.provider.js';

/**
 * `modelProvider` for Hugging Face's Inference Providers: chat with everything its router serves, text generation, and
 * embeddings by hf-inference; or all of these by one Inference Endpoint.
 */
export default definePlugin({
  name: 'huggingface',
  apiVersion: PLUGIN_API_VERSION,
  config: HuggingFaceConfig,
  capabilities: { modelProvider: (context, config) => new HuggingFaceProvider(context, config) },
});
