import { type PluginContext, ProviderError } from '@purser/plugin-sdk';
import type { HuggingFaceConfig } from './config.js';

const standardBaseUrl = 'https://router.huggingface.co';
const standardToken = 'HF_TOKEN';

/** Where calls go now, and with which token. */
export interface Endpoint {
  baseUrl: string;
  /** Without user name and password, to be shown. */
  shown: string;
  token: string | undefined;
  /** The variable that the token comes from, if one applies. */
  tokenName: string | undefined;
  /** No call can succeed without the token. */
  tokenRequired: boolean;
  /** An Inference Endpoint, which any request wakes up. */
  sleeps: boolean;
}

const isOwn = (host: string) => /(^|\.)huggingface\.(co|cloud)$/.test(host);

function parse(baseUrl: string): URL {
  const url = URL.parse(baseUrl);
  if (url && /^https?:$/.test(url.protocol)) return url;
  throw new ProviderError(
    'invalid_request',
    'HF_BASE_URL is not an http or https URL such as "http://127.0.0.1:8085"',
    {
      mayBill: false,
    },
  );
}

/** Read anew for every call: secrets may be rotated. */
export function endpoint(config: HuggingFaceConfig, context: PluginContext): Endpoint {
  const baseUrl = (config.baseUrl ?? context.secret('HF_BASE_URL') ?? standardBaseUrl).replace(/\/+$/, '');
  const url = parse(baseUrl);
  const own = isOwn(url.hostname);
  const tokenName = config.tokenEnv ?? (config.baseUrl === undefined || own ? standardToken : undefined);
  return {
    baseUrl,
    shown: `${url.origin}${url.pathname}`.replace(/\/$/, ''),
    token: tokenName === undefined ? undefined : context.secret(tokenName),
    tokenName,
    tokenRequired: own || config.tokenEnv !== undefined,
    sleeps: url.hostname.endsWith('.endpoints.huggingface.cloud'),
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
export function tokenAdvice({ tokenName }: Endpoint): string {
  if (tokenName === undefined) return 'name the environment variable of its token as "tokenEnv" in config/plugins.json';
  return (
    `set ${tokenName} in the environment that Purser is started from; tokens with the permission ` +
    '"Make calls to Inference Providers" are made at https://huggingface.co/settings/tokens'
  );
}
