import type { ModelsFile } from './models-file.js';

/**
 * The ladders of a fresh installation; `config/models.json` holds the same, to be changed.
 *
 * OpenAI's list prices per million tokens (input / cached / output) and output limits, from
 * https://developers.openai.com/api/docs/pricing and its model pages as third parties print them, read 2026-11-23:
 * gpt-5.2 $1.75 / $0.175 / $14, gpt-5-mini $0.25 / $0.025 / $2, 128,000 output tokens each; the same figures stand in
 * GitHub's table of Copilot models and prices. Both have one price for every context length and none for writing to the
 * cache, unlike GPT-6, whose price of input cannot be told before the call.
 *
 * Speech: whisper-1 $0.006 per minute (https://developers.openai.com/api/docs/pricing); Google's latest_long $0.024 per
 * minute (https://cloud.google.com/speech-to-text/pricing), read 2026-11-28. The last rung is the client's own browser.
 */
export const DEFAULT_MODELS: ModelsFile = {
  code_generation: {
    tier_1_paid: {
      provider: 'openai',
      model: 'gpt-5.2',
      price: { inputPerMillionUsd: '1.75', cachedPerMillionUsd: '0.175', outputPerMillionUsd: '14' },
      maxOutputTokens: 128_000,
      reasoning: true,
      quality: 'excellent',
    },
    tier_2_paid: {
      provider: 'openai',
      model: 'gpt-5-mini',
      price: { inputPerMillionUsd: '0.25', cachedPerMillionUsd: '0.025', outputPerMillionUsd: '2' },
      maxOutputTokens: 128_000,
      reasoning: true,
      quality: 'good',
    },
    tier_3_free: {
      provider: 'ollama',
      model: 'qwen2.5-coder:7b',
      maxOutputTokens: 8_192,
      quality: 'fair',
      limitations: 'runs on this machine: ollama pull qwen2.5-coder:7b',
    },
  },
  general_chat: {
    tier_1_paid: {
      provider: 'openai',
      model: 'gpt-5-mini',
      price: { inputPerMillionUsd: '0.25', cachedPerMillionUsd: '0.025', outputPerMillionUsd: '2' },
      maxOutputTokens: 128_000,
      reasoning: true,
      quality: 'good',
    },
    tier_3_free: {
      provider: 'ollama',
      model: 'llama3.2',
      maxOutputTokens: 8_192,
      quality: 'fair',
      limitations: 'runs on this machine: ollama pull llama3.2',
    },
  },
  voice_transcription: {
    tier_1_paid: {
      provider: 'openai',
      model: 'whisper-1',
      price: { perMinuteUsd: '0.006' },
      quality: 'excellent',
    },
    tier_2_paid: {
      provider: 'google-speech',
      model: 'latest_long',
      price: { perMinuteUsd: '0.024' },
      quality: 'good',
      limitations: 'more than a minute needs a bucket of Cloud Storage',
    },
    tier_3_free: {
      provider: 'browser_api',
      model: 'web-speech',
      quality: 'fair',
      limitations: 'runs in the browser of the client, which is told so',
    },
  },
};
