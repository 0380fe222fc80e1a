import { definePlugin, PLUGIN_API_VERSION } from '@purser/plugin-sdk';
import { GoogleSpeechConfig } from './config.js';
import { GoogleSpeechProvider } from './google-speech.provider.js';

/** `modelProvider` for speech to text by Google Cloud, billed by the second. */
export default definePlugin({
  name: 'google-speech',
  apiVersion: PLUGIN_API_VERSION,
  config: GoogleSpeechConfig,
  capabilities: { modelProvider: (context, config) => new GoogleSpeechProvider(context, config) },
});
