import { type KeyedEndpoint, keyedEndpoint, type KeyedProvider, type PluginContext } from '@purser/plugin-sdk';
import type { HuggingFaceConfig } from './config.js';

const huggingFace: KeyedProvider = {
  baseUrl: 'https://router.huggingface.co',
  baseUrlEnv: 'HF_BASE_URL',
  example: 'http://127.0.0.1:8085',
  keyEnv: 'HF_TOKEN',
  isOwn: (host) => /(^|\.)huggingface\.(co|cloud)$/.test(host),
};

/** Where calls go now, and with which token as its key. */
export interface Endpoint extends KeyedEndpoint {
  /** An Inference Endpoint, which any request wakes up. */
  sleeps: boolean;
}

/** Read anew for every call: secrets may be rotated. */
export function endpoint(config: HuggingFaceConfig, context: PluginContext): Endpoint {
  const at = keyedEndpoint(huggingFace, { baseUrl: config.baseUrl, keyEnv: config.tokenEnv }, context);
  return {
    ...at,
    baseUrl: at.baseUrl.replace(/\/+$/, ''),
    shown: at.shown.replace(/\/+$/, ''),
    sleeps: at.url.hostname.endsWith('.endpoints.huggingface.cloud'),
  };
}

const path = (model: string) => model.split('/').map(encodeURIComponent).join('/');

/** What the client appends `/chat/completions` or `/completions` to, and what it calls as it is for embeddings. */
export function callUrl(
  at: Endpoint,
  { dedicated }: HuggingFaceConfig,
  model: string,
  task: 'chat' | 'text-generation' | 'feature-extraction',
): string {
  if (task === 'chat') return `${at.baseUrl}/v1`;
  if (dedicated) return task === 'text-generation' ? `${at.baseUrl}/v1` : `${at.baseUrl}/`;
  const served = `${at.baseUrl}/hf-inference/models/${path(model)}`;
  return task === 'text-generation' ? `${served}/v1` : `${served}/pipeline/feature-extraction`;
}

/** What to do about a token that is missing or refused. */
export function tokenAdvice({ keyName }: Endpoint): string {
  if (keyName === undefined) return 'name the environment variable of its token as "tokenEnv" in config/plugins.json';
  return (
    `set ${keyName} in the environment that Purser is started from; tokens with the permission ` +
    '"Make calls to Inference Providers" are made at https://huggingface.co/settings/tokens'
  );
}
